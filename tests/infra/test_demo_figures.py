from collections import Counter

import numpy as np
import pytest

from infra.demo.baselines import SMOOTHING, BasketNeighbours, Popularity
from infra.demo.intervals import shares_and_ratios
from infra.demo.sales import Checkout, Sales
from infra.demo.sample import sample_lines
from infra.demo.scoreboard import Scoreboard
from infra.load.backlog import Backlog
from infra.load.latencies import Latencies

PRODUCTS = 40


def baskets(seed: int, n: int = 200) -> list[tuple[str, list[int]]]:
    rng = np.random.default_rng(seed)
    return [(f"u{rng.integers(15)}", (rng.zipf(1.5, rng.integers(1, 9)) % PRODUCTS).tolist()) for _ in range(n)]


def worth_of_top(top: np.ndarray, scores: np.ndarray) -> list[float]:
    """Ties may be broken either way: what counts is that nothing better was left out."""
    return sorted(scores[top].tolist(), reverse=True)


@pytest.mark.parametrize("seed", range(3))
def test_popularity_is_the_decayed_count_of_each_purchase(seed: int) -> None:
    popularity = Popularity(PRODUCTS, (5.0, 50.0))
    events = baskets(seed)
    for _, basket in events:
        popularity.add(basket)

    total = sum(len(basket) for _, basket in events)
    for half_life, counts in zip((5.0, 50.0), popularity.counts_hn, strict=True):
        slow = np.zeros(PRODUCTS)
        end = 0
        for _, basket in events:
            end += len(basket)
            for item in basket:
                slow[item] += 0.5 ** ((total - end) / half_life)
        np.testing.assert_allclose(counts, slow, rtol=1e-9)
    top = popularity.top(7)[0]
    assert len(set(top.tolist())) == 7
    assert worth_of_top(top, popularity.counts_hn[0]) == sorted(popularity.counts_hn[0], reverse=True)[:7]


@pytest.mark.parametrize("seed", range(3))
def test_neighbours_are_those_of_the_last_basket_by_the_smoothed_cosine(seed: int) -> None:
    neighbours, popularity = BasketNeighbours(PRODUCTS), Popularity(PRODUCTS)
    events = baskets(seed)
    for user, basket in events:
        neighbours.add(user, basket)
        popularity.add(basket)

    sets = [set(basket) for _, basket in events]
    alone = Counter(item for one in sets for item in one)
    together = Counter((a, b) for one in sets for a in one for b in one)
    popular = popularity.counts_hn[1]
    for user in {user for user, _ in events}:
        last = next(set(basket) for name, basket in reversed(events) if name == user)
        slow = np.array(
            [
                sum(together[a, b] / np.sqrt(alone[a] + 1) for a in last) / np.sqrt(alone[b] + SMOOTHING)
                + 1e-6 * popular[b] / popular.max()
                for b in range(PRODUCTS)
            ]
        )
        top = neighbours.top(user, 9, popular)
        np.testing.assert_allclose(worth_of_top(top, slow), sorted(slow, reverse=True)[:9], rtol=1e-4)


def test_a_stranger_gets_what_is_popular() -> None:
    neighbours = BasketNeighbours(4)
    neighbours.add("u", [0, 1])
    assert set(neighbours.top("stranger", 2, np.array([0.0, 1.0, 3.0, 2.0])).tolist()) == {2, 3}
    assert set(neighbours.top("stranger", 9, np.array([0.0, 1.0, 3.0, 2.0])).tolist()) == {0, 1, 2, 3}


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    covered, rounds = 0, 200
    for seed in range(rounds):
        chance = np.clip(rng.normal(0.3, 0.1, 300), 0, 1)  # customers differ: lines of one customer hang together
        trials = rng.integers(1, 20, 300)
        hits = rng.binomial(trials, chance)
        found = shares_and_ratios({"svq": hits.tolist()}, trials.tolist(), seed=seed)["svq"]
        covered += found.low <= 0.3 <= found.high
    assert 0.90 * rounds <= covered <= 0.99 * rounds


def test_intervals_are_wider_when_purchases_come_from_few_customers() -> None:
    many = shares_and_ratios({"svq": [1, 0] * 200}, [1] * 400, seed=0)["svq"]
    few = shares_and_ratios({"svq": [100, 0] * 2}, [100] * 4, seed=0)["svq"]
    assert many.value == few.value == 0.5
    assert few.high - few.low > 3 * (many.high - many.low)


def test_ratios_are_paired_and_seeded() -> None:
    rng = np.random.default_rng(1)
    svq = rng.integers(0, 5, 500)
    exact = svq + (rng.random(500) < 0.05)
    hits = {"svq": svq.tolist(), "exact": exact.tolist()}
    found = shares_and_ratios(hits, [5] * 500, [("svq", "exact")], seed=3)
    assert found == shares_and_ratios(hits, [5] * 500, [("svq", "exact")], seed=3)
    ratio = found["svq/exact"]
    assert ratio.value == pytest.approx(svq.sum() / exact.sum())
    assert ratio.low < ratio.value < ratio.high
    assert ratio.high - ratio.low < (found["svq"].high - found["svq"].low) / found["svq"].value / 2


def test_nothing_measured_is_no_error() -> None:
    assert Scoreboard().shares() == {}
    assert Scoreboard().estimates(seed=0) == {}
    assert Latencies().summary() == {"p50": None, "p99": None, "n": 0, "late": 0}


def test_the_best_popularity_is_chosen_over_the_whole_sample() -> None:
    board = Scoreboard()
    board.add("u", [1, 2, 3], {"svq": {1}, "exact": {1, 2}, "popularity@10": {1, 2}, "popularity@20": {3}})
    board.add("v", [4, 4], {"svq": {4}, "exact": {4}, "popularity@10": set(), "popularity@20": {4}})
    assert board.shares() == {"svq": 0.6, "exact": 0.8, "popularity": 0.6}
    assert board.popularity_half_life() == 20
    estimates = board.estimates(seed=0)
    assert estimates["svq/exact"].value == pytest.approx(0.75)
    assert estimates["svq/popularity"].value == pytest.approx(1.0)


def test_backlog_follows_what_the_trainer_committed() -> None:
    backlog = Backlog(window=100)
    for offset, lines in enumerate((40, 30, 20)):
        backlog.sent(lines)
        backlog.acknowledged(offset % 2, offset, lines)
    assert (backlog.lag, backlog.room) == (90, 10)
    backlog.committed({0: 0, 1: 2})
    assert backlog.lag == 60
    backlog.committed({0: 3, 1: 2})
    assert (backlog.lag, backlog.done, backlog.published) == (0, 90, 90)
    backlog.committed({0: 3, 1: -1})
    assert backlog.done == 90


def test_the_sample_is_uniform_seeded_and_of_the_size_asked_for() -> None:
    rng = np.random.default_rng(0)
    checkouts = tuple(Checkout(f"u{n}", "", n, tuple(rng.integers(0, 50, 1 + n % 30).tolist())) for n in range(400))
    sales = Sales(checkouts, (), {}, published=False)
    sampled = sample_lines(sales, 1000, seed=1)
    assert sum(map(len, sampled.values())) == 1000
    assert len(sampled) < 400
    assert sampled == sample_lines(sales, 1000, seed=1)
    assert sampled != sample_lines(sales, 1000, seed=2)
    assert all(not Counter(lines) - Counter(checkouts[number].items) for number, lines in sampled.items())
    late = sum(len(lines) for number, lines in sampled.items() if number >= 200)
    share = sum(len(one.items) for one in checkouts[200:]) / sales.events
    assert abs(late / 1000 - share) < 0.1
    assert sum(map(len, sample_lines(sales, 10**9, seed=0).values())) == sales.events


def test_every_line_is_as_likely_to_be_sampled() -> None:
    lines = iter(range(1000))
    sizes = [1 + n % 30 for n in range(60)]
    checkouts = tuple(Checkout("u", "", n, tuple(next(lines) for _ in range(size))) for n, size in enumerate(sizes))
    sales = Sales(checkouts, (), {}, published=False)
    draws = 400
    often = Counter(
        line for seed in range(draws) for picked in sample_lines(sales, 240, seed).values() for line in picked
    )
    share = np.array([often[line] / draws for line in range(sales.events)])
    assert abs(share.mean() - 240 / sales.events) < 0.005
    assert np.abs(share - 240 / sales.events).max() < 0.1  # 4 standard errors
