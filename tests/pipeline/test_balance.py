"""Perplexity and Gini."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.balance import gini, perplexity

COUNTS = st.lists(st.integers(0, 1000), min_size=1, max_size=30)


@given(COUNTS)
def test_perplexity_is_within_one_and_the_codes_used(counts: list[int]) -> None:
    used = sum(count > 0 for count in counts)
    assert (1 - 1e-9 if used else 0) <= perplexity(counts) <= used + 1e-6


@given(COUNTS)
def test_gini_is_the_mean_difference(counts: list[int]) -> None:
    total, n = sum(counts), len(counts)
    differences = sum(abs(a - b) for a in counts for b in counts)
    expected = differences / (2 * n * total) if total else 0.0
    assert gini(counts) == pytest.approx(expected, abs=1e-9)


@given(st.integers(1, 20), st.integers(1, 9))
def test_equal_counts(codes: int, count: int) -> None:
    assert perplexity([count] * codes) == pytest.approx(codes)
    assert gini([count] * codes) == pytest.approx(0, abs=1e-12)


def test_nothing() -> None:
    assert perplexity([]) == gini([]) == gini([0, 0]) == perplexity([0]) == 0.0
