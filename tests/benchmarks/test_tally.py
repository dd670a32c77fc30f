"""Slices and sums of ranks, against a plain loop."""

from typing import Any

import numpy as np
import pytest

from benchmarks.arms.base import MISSED, Answer, K
from benchmarks.tally import AGE_NAMES, AGES, HISTORIES, HOUR, WINDOWS, Facts, Tally, popularity_deciles

EVENTS, ITEMS, BATCHES = 1000, 300, 10
NO_TOP = np.zeros((0, K), np.int32)


def facts(**columns: Any) -> Facts:
    n = len(next(iter(columns.values())))
    given = {name: np.array(values) for name, values in columns.items()}
    zeros = {name: np.zeros(n, np.int64) for name in ("event_q", "user_q", "age_q", "decile_q", "history_q")}
    return Facts(**{**zeros, **given})


def answer(ranks: list[int], top: Any = NO_TOP, scored: float = 10.0) -> Answer:
    return Answer(np.array(ranks, np.int32), np.array(top, np.int32), scored)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, int]]:
    rng = np.random.default_rng(0)
    return [
        {
            "event": event,
            "user": int(rng.integers(40)),
            "age": int(rng.choice([-1, 0, HOUR, HOUR + 1, 24 * HOUR, 8 * 24 * HOUR])),
            "decile": int(rng.integers(-1, 10)),
            "history": int(rng.choice([0, 1, 4, 5, 19, 20, 500])),
            "exact": int(rng.choice([MISSED, 0, 50, 99])),
            "svq": int(rng.choice([MISSED, 3])),
        }
        for event in sorted(rng.choice(EVENTS, 400, replace=False).tolist())
    ]


@pytest.fixture(scope="module")
def tally(rows: list[dict[str, int]]) -> Tally:
    result = Tally(EVENTS)
    for batch in range(BATCHES):
        part = [row for row in rows if row["event"] * BATCHES // EVENTS == batch]
        columns = {f"{name}_q": [row[name] for row in part] for name in ("event", "user", "age", "decile", "history")}
        answers = {name: answer([row[name] for row in part]) for name in ("exact", "svq")}
        result.add(facts(**columns), answers, ITEMS)
    return result


def hits(rows: list[dict[str, int]], arm: str) -> dict[str, float]:
    found = [row[arm] != MISSED for row in rows]
    return {"n": len(rows), "hit@100": pytest.approx(sum(found) / max(len(found), 1))}


def age_name(age: int) -> str:
    return "unseen" if age < 0 else next((name for name, most in AGES.items() if age <= most), "older")


@pytest.mark.parametrize("arm", ["exact", "svq"])
def test_slices(arm: str, tally: Tally, rows: list[dict[str, int]]) -> None:
    found = tally.summary()[arm]
    for name in AGE_NAMES:
        assert found["by_age"][name] == hits([row for row in rows if age_name(row["age"]) == name], arm)
    for decile in range(10):
        assert found["by_popularity"][decile] == hits([row for row in rows if row["decile"] == decile], arm)
    bounds = [*HISTORIES.values(), 10**9]
    for name, low, high in zip(HISTORIES, bounds, bounds[1:], strict=False):
        assert found["by_history"][name] == hits([row for row in rows if low <= row["history"] < high], arm)
    for window, entry in enumerate(found["over_time"]):
        low, high = window * EVENTS // WINDOWS, (window + 1) * EVENTS // WINDOWS
        assert entry == {"event": low, **hits([row for row in rows if low <= row["event"] < high], arm)}
    assert found["hit@100"] == hits(rows, arm)["hit@100"]


def test_windows_of_a_short_set_begin_where_they_say() -> None:
    tally = Tally(events=7)
    tally.add(facts(event_q=list(range(7))), {"exact": answer([0] * 7)}, ITEMS)
    entries = tally.summary()["exact"]["over_time"]
    assert [entry["event"] for entry in entries if entry["n"]] == list(range(7))


def test_fresh_is_cumulative(tally: Tally, rows: list[dict[str, int]]) -> None:
    for name, most in AGES.items():
        young = [row for row in rows if 0 <= row["age"] <= most]
        assert tally.fresh()[name] == {
            "n": len(young), "exact": hits(young, "exact")["hit@100"], "svq": hits(young, "svq")["hit@100"]
        }  # fmt: skip


def test_intervals_hold_the_mean(tally: Tally) -> None:
    for arm in tally.summary().values():
        low, high = arm["interval"]["hit@100"]
        assert low < arm["hit@100"] < high < low + 0.25
    assert tally.summary() == tally.summary()


def test_share_scored_is_of_the_items_known_at_the_time() -> None:
    tally = Tally(4)
    tally.add(facts(event_q=[0, 1, 2]), {"svq": answer([0, 0, 0], scored=50)}, n_items=100)
    tally.add(facts(event_q=[3]), {"svq": answer([0], scored=50)}, n_items=200)
    assert tally.summary()["svq"]["scored_share"] == pytest.approx((3 * 0.5 + 0.25) / 4)


def test_coverage_counts_each_item_once_and_grows_with_the_catalogue() -> None:
    tally = Tally(3)
    tally.add(facts(event_q=[0]), {"svq": answer([0], [[0, 1, -1]])}, n_items=2)
    tally.add(facts(event_q=[1]), {"svq": answer([0], [[1, 9, -1], [9, 0, -1]])}, n_items=10)
    assert tally.summary()["svq"]["coverage@100"] == pytest.approx(0.3)


def test_every_arm_answers_everything() -> None:
    tally = Tally(3)
    tally.add(facts(event_q=[0]), {"a": answer([0])}, 2)
    with pytest.raises(ValueError, match="before by"):
        tally.add(facts(event_q=[1]), {"b": answer([0])}, 2)
    with pytest.raises(ValueError, match="answered 2 of 1"):
        tally.add(facts(event_q=[1]), {"a": answer([0, 0])}, 2)
    assert len(tally) == 1


def test_nothing_asked() -> None:
    assert Tally(0).summary() == {}
    assert Tally(0).fresh() == {}


def test_deciles_are_tenths_of_the_items_most_exposed_first() -> None:
    exposures = np.random.default_rng(1).permutation(100)
    deciles = popularity_deciles(exposures, np.arange(100, dtype=np.int32))
    assert deciles.tolist() == ((99 - exposures) // 10).tolist()
    assert popularity_deciles(exposures, np.array([100, 10_000], np.int32)).tolist() == [-1, -1]
    assert popularity_deciles(np.zeros(0, np.int64), np.array([0], np.int32)).tolist() == [-1]


def test_the_interval_of_a_ratio_draws_the_same_users_for_both() -> None:
    tally = Tally(events=60)
    users = np.repeat(np.arange(20), 3)
    hits = [0 if user % 2 else 150 for user in users.tolist()]  # half of the users find everything
    ranks = {"exact": hits, "svq": hits, "half": [rank if place % 3 else 150 for place, rank in enumerate(hits)]}
    answers = {name: answer([rank if rank < 100 else -1 for rank in found]) for name, found in ranks.items()}
    tally.add(facts(event_q=list(range(60)), user_q=users.tolist()), answers, n_items=100)
    intervals = tally.ratio_intervals({"svq/exact": ("svq", "exact"), "half/exact": ("half", "exact")})
    assert intervals["svq/exact"] == [1.0, 1.0]
    assert intervals["half/exact"] == pytest.approx([2 / 3, 2 / 3])
    low, high = tally.summary()["exact"]["interval"]["hit@100"]
    assert low < 0.4 < 0.6 < high  # of the number itself users are most of it
    assert Tally(0).ratio_intervals({"a": ("b", "c")}) == {}
