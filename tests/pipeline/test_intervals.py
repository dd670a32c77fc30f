"""Item intervals: their unit, their estimate, both stores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.intervals import ExactIntervals, HashedIntervals
from tests.reference import intervals as reference

ITEMS = [f"i{number}" for number in range(12)]
STREAM = st.lists(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=8), min_size=1, max_size=15)


class Exact:
    """The exact estimator with rows kept in a dictionary, as the statistics table keeps them."""

    def __init__(self, rate: float, longest: float) -> None:
        self.estimator = ExactIntervals(rate, longest)
        self.rows: dict[str, np.ndarray] = {}

    def update(self, items: list[str], now: float, first: float) -> list[float]:
        distinct = list(dict.fromkeys(items))
        before = np.array([self.rows.get(item, np.array([np.nan, np.nan])) for item in distinct])
        self.rows.update(zip(distinct, self.estimator.update(before, now, first), strict=True))
        return [float(self.rows[item][1]) for item in items]


@given(STREAM, st.sampled_from([0.01, 0.3, 1.0]))
@settings(deadline=None)
def test_exact_and_hashed_follow_the_reference(stream: list[list[str]], rate: float) -> None:
    expected, exact = reference.Intervals(rate, 50.0), Exact(rate, 50.0)
    for step, batch in enumerate(stream):
        assert exact.update(batch, 3.0 * step, 7.0) == pytest.approx(expected.update(batch, 3.0 * step, 7.0))


@given(STREAM)
@settings(deadline=None)
def test_hashed_without_collisions_is_the_plain_recursion(stream: list[list[str]]) -> None:
    hashed = HashedIntervals(hashes=2, size=100_003, rate=0.2, first=5.0)
    last, interval = dict.fromkeys(ITEMS, 0.0), dict.fromkeys(ITEMS, 5.0)
    for step, batch in enumerate(stream, start=1):
        for item in set(batch):
            interval[item] = max(0.8 * interval[item] + 0.2 * (step - last[item]), 1.0)
            last[item] = step
        assert hashed.update(batch, step).tolist() == pytest.approx([interval[item] for item in batch])
    assert hashed.read(ITEMS).tolist() == pytest.approx([interval[item] for item in ITEMS])


@given(STREAM, st.floats(0.01, 100.0))
@settings(deadline=None)
def test_the_unit_of_time_scales_the_interval(stream: list[list[str]], unit: float) -> None:
    # Without the clip at 1: in batches the clip means "in every batch", in other units it must scale too.
    one, scaled = Exact(0.3, 1e12), Exact(0.3, 1e12)
    for step, batch in enumerate(stream):
        now = 1000.0 * step
        intervals = one.update(batch, now, 5000.0)
        others = scaled.update(batch, 1000 * now * unit, 5e6 * unit)
        if min(intervals) > 1:
            assert others == pytest.approx([1000 * unit * value for value in intervals])


def test_several_occurrences_in_a_batch_count_once() -> None:
    exact = Exact(0.5, 100.0)
    exact.update(["a"], 0.0, 10.0)
    assert exact.update(["a", "a", "a"], 4.0, 10.0) == [7.0, 7.0, 7.0]


@pytest.mark.parametrize(("hashes", "rate", "limit"), [(4, 0.01, 0.07), (1, 0.01, 0.14)])
def test_error_of_the_paper_s_simulation(hashes: int, rate: float, limit: float) -> None:
    """Yi et al.: 1,000 items, p ~ i², batches of 128, 5,000 cells in all, 10,000 steps."""
    rng = np.random.default_rng(0)
    weights = np.arange(1, 1001.0) ** 2
    share = weights / weights.sum()
    names = [str(item) for item in range(1000)]
    hashed = HashedIntervals(hashes=hashes, size=5000 // hashes, rate=rate, first=100.0)
    cells = hashed._cells(names)
    cumulative = np.cumsum(share)
    cumulative[-1] = 1.0
    for step in range(1, 10_001):
        drawn = np.unique(np.searchsorted(cumulative, rng.random(128)))
        for row, last, interval in zip(cells[:, drawn], hashed._last, hashed._interval, strict=True):
            interval[row] = (1 - rate) * interval[row] + rate * (step - last[row])
            last[row] = step
    # The paper's p is the probability of appearing in a batch.
    appears = 1 - (1 - share) ** 128
    error = np.abs(1 / hashed.read(names) - appears).sum() / (2 * 128)
    assert error < limit
