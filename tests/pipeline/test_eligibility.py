"""Which items may be retrieved: every condition must hold, and nothing is guessed of what an item does not say."""

from typing import Any

import pytest

from pipeline.eligibility import EVERYTHING, Between, Condition, Eligibility


@pytest.mark.parametrize(
    ("condition", "fits", "does_not"),
    [
        ((True,), [True, [False, True]], [False, None, "true", []]),
        (("DE", "FR"), ["DE", "FR", ["UK", "FR"]], ["UK", ["UK"], ["DE", "FR"][:0]]),
        ((1999,), [1999, 1999.0], ["1999", 2000]),
        (Between(1, 3), [1, 2.5, 3, [9, 2]], [0.999, 3.001, "2", True, None, [0, 4], float("nan")]),
        (Between(most=3), [-1e9, 3], [4]),
        (Between(least=3), [1e9, 3], [2]),
    ],
)
def test_a_condition(condition: Condition, fits: list[Any], does_not: list[Any]) -> None:
    rule = Eligibility(where={"it": condition})
    assert [value for value in fits if not rule.allows({"it": value})] == []
    assert [value for value in does_not if rule.allows({"it": value})] == []
    assert not rule.allows({"other": fits[0]})


def test_all_conditions_must_hold() -> None:
    rule = Eligibility(where={"stock": (True,), "price": Between(most=10)})
    assert rule.allows({"stock": True, "price": 9})
    assert not rule.allows({"stock": True, "price": 11})
    assert not rule.allows({"stock": False, "price": 9})


def test_attributes_count_before_features() -> None:
    rule = Eligibility(where={"price": Between(most=10)})
    assert rule.allows({"price": 9}, {"price": 11})
    assert not rule.allows({"price": 11}, {"price": 9})
    assert rule.allows({}, {"price": 9})


def test_age() -> None:
    assert EVERYTHING.oldest(1000) is None
    assert Eligibility(max_age_ms=300).oldest(1000) == 700
    assert Eligibility(max_age_ms=300).oldest(None) is None


def test_only_a_rule_is_true() -> None:
    assert not EVERYTHING
    assert EVERYTHING.allows({})
    assert Eligibility(max_age_ms=1)
    assert Eligibility(where={"a": ("b",)})
