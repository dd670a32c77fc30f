"""Each micro-batch is predicted from what lies strictly before, by everybody alike."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.arms.base import Answer, Arm, Cost, Moment, Questions
from benchmarks.arms.registry import build_arms
from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from benchmarks.timeline import Timeline
from schemas.errors import SettingsError
from tests.benchmarks.small_set import CONFIG, small_set


class Notebook:
    """An arm that knows nothing and writes down what it is asked."""

    def __init__(self) -> None:
        self.cost = Cost()
        self.asked: list[tuple[Moment, Questions]] = []
        self.learned_to: list[int] = []

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        self.asked.append((moment, questions))
        assert moment.learner.clock == moment.start
        assert self.learned_to[-1] == moment.start
        nothing = np.full(len(questions), -1, np.int32)
        return {"notebook": Answer(nothing, np.full((1, 100), -1, np.int32), 0.0)}

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        assert start == (self.learned_to[-1] if self.learned_to else 0)
        self.learned_to.append(end)


def replayed(set_: Interactions, arms: Mapping[str, Arm], **settings: Any) -> Replay:
    replay = Replay(set_, replace(CONFIG, features=set_.features, **settings), arms)
    replay.run()
    return replay


def before(set_: Interactions, event: int) -> list[int]:
    """Positives of the same user strictly earlier in time, oldest first: the slow and obvious way."""
    return [
        row
        for row in range(len(set_))
        if set_.user_n[row] == set_.user_n[event]
        and set_.time_n[row] < set_.time_n[event]
        and set_.labels_nt[row, 0] > 0
    ]


@pytest.mark.parametrize("repeats", [False, True])
def test_questions_know_only_what_lies_strictly_before(repeats: bool) -> None:
    set_, notebook = small_set(repeats=repeats), Notebook()
    replayed(set_, {"notebook": notebook})
    asked = [event for _, questions in notebook.asked for event in questions.event_q.tolist()]
    assert asked == [row for row in range(CONFIG.batch, len(set_)) if set_.labels_nt[row, 0] > 0]
    for moment, questions in notebook.asked:
        start = moment.start
        assert moment.until == set_.time_n[min(start + CONFIG.batch, len(set_)) - 1]
        for q, event in enumerate(questions.event_q.tolist()):
            past = before(set_, event)
            known = set(set_.item_n[set_.time_n < set_.time_n[event]].tolist())
            known |= {item for item, time in enumerate(set_.published_m.tolist()) if time < set_.time_n[event]}
            assert questions.known_q[q] == max(known) + 1 == len(known) <= moment.n_items
            unknown = list(range(len(known), moment.n_items))
            taken = [int(set_.item_n[row]) for row in past]
            assert questions.target_q[q] == set_.item_n[event]
            assert list(questions.users.history_items[q]) == [f"i{item}" for item in taken[-CONFIG.history :]]
            ages = [(set_.time_n[event] - set_.time_n[row]) / 1000 for row in past[-CONFIG.history :]]
            assert list(questions.users.history_ages[q]) == ages[-1:]
            assert questions.last_q[q] == (taken[-1] if taken else -1)
            if repeats and start > 10 * CONFIG.batch:
                assert questions.seen[q].tolist() == unknown
            elif not repeats:
                assert questions.seen[q].tolist() == sorted(set(taken)) + unknown


def test_no_arm_sees_the_future() -> None:
    """Whatever comes after a micro-batch, its answers are the same: the same events in another order, other labels."""
    set_ = small_set(1000)
    until = 10 * CONFIG.batch
    later = np.arange(until, len(set_))
    shuffled = np.concatenate((np.arange(until), np.random.default_rng(1).permutation(later)))
    other = replace(
        set_,
        user_n=set_.user_n[::-1][: len(set_)].copy(),
        item_n=set_.item_n[shuffled],
        labels_nt=np.concatenate((set_.labels_nt[:until], 1 - set_.labels_nt[until:])),
    )
    other = replace(other, user_n=np.concatenate((set_.user_n[:until], other.user_n[until:])))
    one, two = (replayed(each, build_arms((), each)) for each in (set_, other))
    asked = int((set_.labels_nt[CONFIG.batch : until, 0] > 0).sum())
    names = [name for names in one.names.values() for name in names]
    assert len(names) >= 15
    for name in names:
        assert one.tally.rank_q(name)[:asked].tolist() == two.tally.rank_q(name)[:asked].tolist(), name
    assert any(one.tally.rank_q(name).tolist() != two.tally.rank_q(name).tolist() for name in names)


def test_ties_in_time_do_not_help() -> None:
    """Pairs that always come together: whoever learned one before the other of the same moment would know it."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(150, size=1000)
    item_n = np.stack((2 * pairs, 2 * pairs + 1), axis=1).ravel().astype(np.int32)
    number = {old: new for new, old in enumerate(dict.fromkeys(item_n.tolist()))}
    item_n = np.array([number[old] for old in item_n.tolist()], np.int32)
    time_n = np.repeat(np.arange(1000) * 1000, 2)
    users = np.repeat(np.arange(1000), 2).astype(np.int32)
    first = np.full(len(number), -1, np.int64)
    first[item_n[::-1]] = time_n[::-1]
    set_ = Interactions(
        "pairs", [f"u{n}" for n in range(1000)], [f"i{n}" for n in range(len(number))], users, item_n, time_n,
        CONFIG.tasks, np.ones((2000, 1), np.float32), first,
    )  # fmt: skip
    notebook = Notebook()
    tied = replayed(set_, build_arms(("item-knn", "exact"), set_) | {"notebook": notebook})
    assert all(not questions.users.history_items[q] for _, questions in notebook.asked for q in range(len(questions)))
    apart = replace(set_, time_n=set_.time_n + np.tile([0, 1], 1000))
    told = replayed(apart, build_arms(("item-knn", "exact"), apart))
    second = np.arange(len(tied.tally)) % 2 == 1

    def hits(replay: Replay, name: str) -> float:
        ranks = replay.tally.rank_q(name)[second]
        return float(((ranks >= 0) & (ranks < 3)).mean())

    assert hits(tied, "item-knn") < 0.1
    assert hits(told, "item-knn") > 0.7


def test_items_are_missed_until_they_are_published() -> None:
    set_ = small_set()
    replay = replayed(set_, build_arms((), set_))
    events = np.array([row for row in range(CONFIG.batch, len(set_)) if set_.labels_nt[row, 0] > 0])
    unknown = set_.published_m[set_.item_n[events]] >= set_.time_n[events]
    assert 20 < unknown.sum() < len(events)
    for names in replay.names.values():
        for name in names:
            assert (replay.tally.rank_q(name)[unknown] == -1).all()


def test_items_known_at_once_change_answers_and_nothing_that_is_learned() -> None:
    set_ = small_set(repeats=True)
    replays = [
        Replay(set_, replace(CONFIG, features=set_.features), build_arms(("exact",), set_), candidates=candidates)
        for candidates in (True, False)
    ]
    for replay in replays:
        replay.run()
    one, two = (replay.learner.take_changes()[0] for replay in replays)
    assert all(np.array_equal(values, two.dense[name]) for name, values in one.dense.items())
    at_once, later = (replay.tally.rank_q("exact") >= 0 for replay in replays)
    events = np.array([row for row in range(CONFIG.batch, len(set_)) if set_.labels_nt[row, 0] > 0])
    within = set_.published_m[set_.item_n[events]] >= set_.time_n[events // CONFIG.batch * CONFIG.batch]
    assert not later[within].any()
    assert at_once[within].any()


def test_a_sample_asks_some_and_learns_all() -> None:
    set_ = small_set()
    config = replace(CONFIG, features=set_.features)
    every, some = Replay(set_, config, {}), Replay(set_, config, {"notebook": Notebook()}, sample=5)
    every.run()
    some.run()
    assert len(some.tally) - 5 * (len(set_) // CONFIG.batch - 1) in (3, 4)  # the last one is short
    one, two = every.learner.take_changes()[0], some.learner.take_changes()[0]
    assert all(np.array_equal(values, two.dense[name]) for name, values in one.dense.items())


def test_repeats_are_offered_once_the_stream_shows_them() -> None:
    set_ = small_set(repeats=True)
    timeline = Timeline(set_)
    assert not timeline.repeats(0)
    assert timeline.repeats(len(set_) - 1)
    events = [row for row in range(len(set_)) if set_.labels_nt[row, 0] > 0]
    pasts = {row: [int(set_.item_n[each]) for each in before(set_, row)] for row in events}
    again = sum(int(set_.item_n[row]) in pasts[row] for row in events)
    assert timeline.repeated_share == pytest.approx(again / sum(bool(past) for past in pasts.values()))
    tied = [
        any(set_.user_n[other] == set_.user_n[row] and set_.time_n[other] == set_.time_n[row] for other in others)
        for row in range(len(set_))
        if (others := [other for other in range(max(0, row - 30), min(len(set_), row + 30)) if other != row])
    ]
    assert timeline.tied_share == pytest.approx(np.mean(tied))


def test_towers_that_diverge_are_an_error_and_not_the_best_of_all() -> None:
    set_ = small_set()
    with pytest.raises(SettingsError, match=r"diverged: after .* exposures(.|\n)*dense_rate"):
        replayed(set_, build_arms(["exact"], set_), dense_rate=1e30)
