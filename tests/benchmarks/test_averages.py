"""What several seeds come to together."""

import math

import pytest

from benchmarks.averages import mean_of
from benchmarks.confidence import t_interval


def test_numbers_are_averaged_wherever_they_are() -> None:
    one = {"n": 4, "arm": {"hit@100": 0.5, "by": [{"n": 3, "hit@100": 0.1}]}, "name": "x", "flag": True, "none": None}
    two = {"n": 4, "arm": {"hit@100": 0.7, "by": [{"n": 4, "hit@100": 0.3}]}, "name": "y", "flag": False, "none": None}
    mean = mean_of([one, two])
    assert mean == {
        "n": 4, "arm": {"hit@100": 0.6, "by": [{"n": 3.5, "hit@100": 0.2}]}, "name": "x", "flag": True, "none": None
    }  # fmt: skip
    assert isinstance(mean["n"], int)


def test_intervals_are_over_users_and_seeds() -> None:
    runs = [{"hit@100": hit, "ndcg@100": 0.2, "interval": {"hit@100": [hit - 0.3, hit + 0.4]}} for hit in (0.4, 0.6)]
    low, high = t_interval([0.4, 0.6])
    expected = [0.5 - math.hypot(0.5 - low, 0.3), 0.5 + math.hypot(high - 0.5, 0.4)]
    assert mean_of(runs)["interval"]["hit@100"] == pytest.approx(expected)
    assert mean_of(runs[:1])["interval"] == {"hit@100": pytest.approx([0.1, 0.8])}
    cold = [{"n": 3, "hit@100": 0.2, "interval": [0.1, 0.4]}] * 3
    assert mean_of(cold)["interval"] == pytest.approx([0.1, 0.4])  # what no seed changes is as sure as its users are


def test_what_only_some_seeds_have_is_the_mean_of_those() -> None:
    assert mean_of([{"a": 1.0, "b": 3.0}, {"a": 2.0}]) == {"a": 1.5, "b": 3.0}
    assert mean_of([[1.0, 2.0], [3.0]]) == [1.0, 2.0]
