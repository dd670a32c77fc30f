"""The user's own top items by frequency, against sorting everything, and by hand."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.arms.base import Answer, K, Moment, Questions
from benchmarks.arms.gp_topfreq import most_frequent
from benchmarks.arms.popularity import HALF_LIVES
from benchmarks.arms.registry import build_arms
from benchmarks.one_run import run_once
from benchmarks.replay import Replay
from benchmarks.seen import Seen
from pipeline.arrays import Longs
from pipeline.eligibility import EVERYTHING, Eligibility
from tests.benchmarks.small_set import CONFIG, small_set
from tests.benchmarks.test_arms import Judged, filled, rank_in

ITEMS = 700


def firsts(first: Seen) -> list[list[int]]:
    return [first.items_s[begin:end].tolist() for begin, end in zip(first.begin_q, first.end_q, strict=True)]


def slices(items: list[int], ends: list[int], n_items: int = 10) -> Seen:
    """Slices of one array, which begin where the one before ends."""
    return Seen(np.array(items, np.int32), np.array([0, *ends[:-1]]), np.array(ends), n_items)


def test_the_most_frequent_come_first_and_of_equals_the_latest() -> None:
    taken = slices([5, 7, 5, 2, 7, 3, 3, 4], [6, 6, 8])
    assert firsts(most_frequent(taken, taken.cleared())) == [[7, 5, 3, 2], [], [4, 3]]


def test_what_is_not_offered_or_not_known_is_left_out() -> None:
    taken = slices([5, 7, 5, 2, 12, 12, 7, 3], [7, 8])
    assert firsts(most_frequent(taken, slices([5, 5, 11, 3], [3, 4]))) == [[7, 2], []]


@pytest.mark.parametrize("rule", [EVERYTHING, Eligibility(where={"genre": ("1", "2", "3", "4")})])
@pytest.mark.parametrize("repeats", [False, True])
def test_own_items_by_count_and_then_the_popular(repeats: bool, rule: Eligibility) -> None:
    set_ = small_set(1500, items=ITEMS, repeats=repeats)
    found = {"own": 0, "popular": 0}

    def taken_before(row: int) -> list[int]:
        mine = np.flatnonzero(set_.user_n[:row] == set_.user_n[row])
        return [int(set_.item_n[other]) for other in mine
                if set_.time_n[other] < set_.time_n[row] and set_.labels_nt[other, 0] > 0]  # fmt: skip

    def popular(moment: Moment) -> Longs:
        counts = np.zeros(moment.n_items)
        for start in range(0, moment.start, CONFIG.batch):
            rows = np.flatnonzero(set_.labels_nt[start : start + CONFIG.batch, 0] > 0) + start
            counts *= 0.5 ** (len(rows) / HALF_LIVES[0])
            np.add.at(counts, set_.item_n[rows], 1)
        return np.argsort(-counts, kind="stable")

    def look(moment: Moment, questions: Questions, answers: Mapping[str, Answer]) -> None:
        assert list(answers) == [f"gp-topfreq@{half_life}" for half_life in HALF_LIVES]
        answer, order = answers[f"gp-topfreq@{HALF_LIVES[0]}"], popular(moment).tolist()
        for q, event in enumerate(questions.event_q.tolist()):
            past = taken_before(event)
            counts, latest = Counter(past), {item: place for place, item in enumerate(past)}
            own = sorted(counts, key=lambda item: (-counts[item], -latest[item]))
            hidden = set(questions.seen[q].tolist())
            offered = [item for item in dict.fromkeys(own + order) if item not in hidden and item < moment.n_items]
            target = int(questions.target_q[q])
            assert answer.rank_q[q] == rank_in(offered, target)
            found["own" if target in counts else "popular"] += answer.rank_q[q] >= 0
            if q < len(answer.top_sk):
                assert answer.top_sk[q].tolist() == filled(offered[:K])

    arms = {"gp-topfreq": Judged(build_arms(("gp-topfreq",), set_)["gp-topfreq"], look)}
    Replay(set_, replace(CONFIG, features=set_.features), arms, eligible=rule).run()
    assert found["popular"] > 50
    assert (found["own"] > 50) == repeats


def test_it_is_the_best_rival_only_where_it_differs_from_popularity() -> None:
    masked = run_once(small_set(), CONFIG, 0, arms=("popularity", "gp-topfreq"))
    assert masked["arms"]["gp-topfreq"]["hit@100"] == masked["arms"]["popularity"]["hit@100"]
    assert masked["best_rival"] == "popularity"
    set_ = small_set(repeats=True)
    own = set_.user_n * 4 + np.arange(len(set_)) % 4  # everybody takes four items, and nobody else takes them
    offered = run_once(
        replace(set_, item_n=own.astype(np.int32)), CONFIG, 0, arms=("exact", "popularity", "gp-topfreq")
    )
    assert offered["best_rival"] == "gp-topfreq"
    hits = {name: arm["hit@100"] for name, arm in offered["arms"].items()}
    assert hits["gp-topfreq"] > hits["popularity"] + 0.1
    assert offered["ratios"]["exact/rival"] == pytest.approx(hits["exact"] / hits["gp-topfreq"])
