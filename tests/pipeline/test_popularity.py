"""Decayed counts in forward form."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.popularity import Popularity, initial_log_counts, log_share
from tests.reference import popularity as reference

ITEMS = [f"i{number}" for number in range(6)]
STREAM = st.lists(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=9), min_size=1, max_size=12)
HALF_LIVES = (10.0, 300.0)


class Kept:
    """Popularity with one row an item, as the statistics keep them."""

    def __init__(self, half_lives: tuple[float, ...] = HALF_LIVES) -> None:
        self.popularity = Popularity(half_lives, 0.5)
        self.clock = 0.0
        self.rows = {item: np.full(2, -math.inf) for item in ITEMS}

    def add(self, batch: list[str], *, choose: bool = False) -> None:
        distinct = list(dict.fromkeys(batch))
        counts = np.array([batch.count(item) for item in distinct])
        before = np.stack([self.rows[item] for item in distinct])
        if choose:
            self.popularity.choose(before, counts, self.clock, memory=2000, margin=0.01)
        self.clock += len(batch)
        after = self.popularity.update(before, counts, self.clock)
        self.rows.update(zip(distinct, after, strict=True))


@given(STREAM)
@settings(deadline=None)
def test_counts_and_mass_follow_the_reference(stream: list[list[str]]) -> None:
    kept, expected = Kept(), [reference.Counts(half_life) for half_life in HALF_LIVES]
    for batch in stream:
        kept.add(batch)
        for counts in expected:
            counts.add(batch, 0.5)
    for place, counts in enumerate(expected):
        now = math.log(2) / HALF_LIVES[place] * kept.clock
        for item, count in counts.counts.items():
            assert kept.rows[item][place] - now == pytest.approx(math.log(count))
        # The mass begins with the initial count of one item, so that a share is finite from the first event on.
        first = 0.5 * 0.5 ** (kept.clock / HALF_LIVES[place])
        assert math.exp(kept.popularity.log_mass[place] - now) == pytest.approx(counts.mass + first)


@given(STREAM)
@settings(deadline=None)
def test_time_alone_changes_no_order_and_no_share(stream: list[list[str]]) -> None:
    kept = Kept()
    for batch in stream:
        kept.add(batch)
    rows = np.stack([row for row in kept.rows.values() if np.isfinite(row).all()])
    shares = log_share(rows, kept.popularity.log_mass)
    rates = np.log(2) / np.array(HALF_LIVES)
    for later in (1.0, 1e6):
        decayed = log_share(rows - rates * later, kept.popularity.log_mass - rates * later)
        assert decayed == pytest.approx(shares, abs=1e-6)


def test_a_long_clock_loses_no_precision() -> None:
    kept = Kept()
    kept.clock = 1e9
    kept.popularity.log_mass = kept.popularity.log_mass + kept.popularity.rates * 1e9
    kept.add(["i0", "i0", "i1"])
    share = log_share(kept.rows["i0"], kept.rows["i1"])
    assert share == pytest.approx([math.log(x / y) for x, y in [(2.5, 1.5)] * 2], abs=0.1)
    assert np.exp(log_share(kept.rows["i0"], kept.rows["i1"])[1]) == pytest.approx(2.5 / 1.5, rel=1e-2)


def test_an_item_never_exposed_counts_as_new_now() -> None:
    popularity = Popularity(HALF_LIVES, 0.5)
    never = np.full((1, 2), -math.inf)
    assert popularity.read(never, 100.0)[0] == pytest.approx(initial_log_counts(HALF_LIVES, 0.5, 100.0))
    assert popularity.read(np.array([[3.0, 4.0]]), 100.0).tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize(("switch_every", "best"), [(60, 0), (10_000, 1)])
def test_the_stream_chooses_its_half_life(switch_every: int, best: int) -> None:
    rng, kept = np.random.default_rng(0), Kept((30.0, 3000.0))
    for number in range(600):
        kept.add(["i0" if (number // switch_every) % 2 else "i1"] * 7 + [ITEMS[rng.integers(6)]] * 3, choose=True)
    assert kept.popularity.active == best
