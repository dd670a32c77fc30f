"""Arms that answer while a batch is learned from answer as they would have done before it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.arms.base import Answer, Cost, Moment, Questions, ReadsArrays
from benchmarks.arms.registry import build_arms
from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from tests.benchmarks.small_set import CONFIG, small_set

NAMES = ("exact", "svq")


class Before:
    """The same arm, answering before the batch is learned from."""

    def __init__(self, name: str, set_: Interactions) -> None:
        self.cost, self._arm = Cost(), build_arms((name,), set_)[name]
        assert isinstance(self._arm, ReadsArrays)

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        return self._arm.answer(moment, questions)

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        self._arm.learned(set_, start, end)


class Broken(ReadsArrays):
    """Fails when it is asked."""

    def __init__(self) -> None:
        self.cost = Cost()

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        raise RuntimeError("an arm broke")

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        """Nothing."""


def test_ranks_are_those_of_the_same_arms_in_turn() -> None:
    set_ = small_set(1500, items=700)
    config = replace(CONFIG, features=set_.features)
    beside = Replay(set_, config, build_arms(NAMES, set_))
    before = Replay(set_, config, {name: Before(name, set_) for name in NAMES})
    beside.run()
    before.run()
    assert beside.names == before.names
    for name in (name for names in beside.names.values() for name in names):
        np.testing.assert_array_equal(beside.tally.rank_q(name), before.tally.rank_q(name))


def test_a_moment_s_arrays_outlast_learning() -> None:
    set_ = small_set(1500, items=700)
    replay = Replay(set_, replace(CONFIG, features=set_.features), {})
    kept: list[tuple[Moment, list[np.ndarray]]] = []
    ask = replay._moment

    def arrays(moment: Moment) -> list[np.ndarray]:
        return [*moment.vectors, moment.clusters_n, moment.codes_kd, moment.log_counts_n, moment.static_n, moment.u_qd]

    def moment_of(*args: object) -> Moment:
        moment = ask(*args)  # type: ignore[arg-type]
        kept.append((moment, [array.copy() for array in arrays(moment)]))
        return moment

    replay._moment = moment_of  # type: ignore[assignment, method-assign]
    for number in range(len(replay.boundaries) - 1):
        replay.step(number)
        for moment, copies in kept:
            for array, copy in zip(arrays(moment), copies, strict=True):
                np.testing.assert_array_equal(array, copy)
        kept.clear()
    assert replay.learner.model.codebook.n_codes


def test_what_breaks_an_arm_ends_the_replay() -> None:
    set_ = small_set()
    replay = Replay(set_, replace(CONFIG, features=set_.features), {"broken": Broken()})
    with pytest.raises(RuntimeError, match="an arm broke"):
        replay.run()
