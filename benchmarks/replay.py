"""The prequential loop: predict each micro-batch, then learn from it; one pass, nothing seen before its time."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, NamedTuple

import numpy as np

from benchmarks.arms.base import Answer, Arm, Moment, Questions, ReadsArrays
from benchmarks.batches import Batches, MicroBatch
from benchmarks.codes import CodeStatistics
from benchmarks.cold import Cold
from benchmarks.deadlines import boundaries
from benchmarks.interactions import Interactions
from benchmarks.known_items import REFRESHED, KnownItems
from benchmarks.own import own_of
from benchmarks.scoring import Scorer
from benchmarks.tally import Facts, Tally, popularity_deciles
from benchmarks.timeline import Timeline
from pipeline.arrays import Floats
from pipeline.catalogue import Catalogue
from pipeline.config import ModelConfig
from pipeline.eligibility import EVERYTHING, Eligibility
from pipeline.learner import Learner
from schemas.errors import SettingsError

TURN_S: Final = 0.0001
"""How long one thread may keep the other from Python's lock: of 5 ms, the default, several went by in each step."""
RESEED_EVERY: Final = 8
"""Micro-batches between two looks for empty codes: some seconds of a stream, as versions of a trainer are apart."""

Watch = Callable[[int], None]
Answers = Mapping[str, Answer]


class Asked(NamedTuple):
    """Questions on their way: what they are sliced by, items known, and by arm the answers given and those to come."""

    facts: Facts
    n_items: int
    given: dict[str, Answers]
    coming: dict[str, Future[Answers]]


class Replay:
    """One pass over a set with one seed.

    The first micro-batch is learned from and not predicted: nothing is known before it. Within one, towers and codes
    stand still, as between two steps of a trainer, while items go on being published: from then on each can be found.
    A thread beside computes the users' vectors while those of the items follow; then, while the batch is learned from,
    it answers for the arms that read nothing which learning changes, and makes the next micro-batch.

    Attributes:
        learner: the trainer's, driven as the trainer does.
        tally: what the arms have answered, under the names that `names` lists by arm.
        codes: how the codebook was used.
        cold: items never exposed before.
        reseeded: codes moved because they held no item.
        seconds: spent on learning, on vectors and codes, and on questions.
    """

    def __init__(
        self,
        set_: Interactions,
        config: ModelConfig,
        arms: Mapping[str, Arm],
        *,
        timeline: Timeline | None = None,
        sample: int | None = None,
        deadline_s: float = 0.0,
        eligible: Eligibility = EVERYTHING,
        refreshed: int = REFRESHED,
        candidates: bool = True,
        reseed_every: int = RESEED_EVERY,
    ) -> None:
        """Begin at the first exposure.

        Args:
            set_: what is replayed.
            config: of the model; its seed is the replay's.
            arms: by name.
            timeline: of the set, where there is one already.
            sample: questions a full micro-batch at most; None: all.
            deadline_s: seconds of event time after which a micro-batch is closed though it is not full; 0: never.
            eligible: which items any arm may answer with.
            refreshed: items that follow the towers with each full micro-batch; 0: only those just exposed.
            candidates: items are filed the moment they are published, as by the candidate stream; else with the next
                micro-batch.
            reseed_every: micro-batches between two looks for empty codes; 0: none.
        """
        self.set, self.config, self.arms, self.sample = set_, config, arms, sample
        self.timeline = timeline or Timeline(set_)
        self.learner = Learner(config, catalogue=Catalogue(eligible.max_age_ms))
        self.items = KnownItems(set_, self.learner, refreshed, eligible)
        self.tally, self.codes = Tally(len(set_)), CodeStatistics(len(set_))
        self.cold = Cold(self.timeline, config.batch)
        self.names: dict[str, list[str]] = {}
        self.reseeded, self._reseed_every = 0, reseed_every
        self.seconds: dict[str, float] = {"learn": 0.0, "index": 0.0, "prepare": 0.0}
        self._candidates = candidates
        self._batches = Batches(set_, self.timeline, config, eligible)
        self.boundaries = boundaries(set_.time_n, config.batch, deadline_s)
        self._beside = ThreadPoolExecutor(1, "beside")
        self._next: Future[MicroBatch] | None = None

    def run(self, watch: Watch | None = None) -> None:
        """Replay all of it; `watch` is told how many exposures each micro-batch held.

        Raises:
            SettingsError: training has diverged, so that there is nothing to compare.
        """
        with self._beside, _quick_turns():
            for number in range(len(self.boundaries) - 1):
                micro = self.step(number)
                if watch is not None:
                    watch(micro.end - micro.start)

    def step(self, number: int) -> MicroBatch:
        """Predict one micro-batch, then learn from it; in order."""
        with self._timed("prepare"):
            micro = self._take(number) if self._next is None else self._next.result()
            before, within = self.timeline.known_items(np.array([micro.start, micro.end - 1])).tolist()
            known = within if self._candidates else before
            self.items.publish(known)
            self.items.offer(before)
            asked_of_it = self.sample if micro.start else 0
            questions = self._batches.questions(micro, self.items.n, known, asked_of_it)
        asked = self._ask(micro, questions)
        self._next = self._beside.submit(self._take, number + 1) if number + 2 < len(self.boundaries) else None
        if self._reseed_every and number % self._reseed_every == 0:
            self.reseeded += self.reseed()
        self._learn(micro)
        if asked is not None:
            self._count(asked)
        for arm in self.arms.values():
            with _charged(arm):
                arm.learned(self.set, micro.start, micro.end)
        return micro

    def reseed(self) -> int:
        """Move codes that hold no item; how many."""
        return len(self.learner.reseed(self.items.empty_codes()))

    def _take(self, number: int) -> MicroBatch:
        return self._batches.take(*self.boundaries[number : number + 2].tolist())

    def _learn(self, micro: MicroBatch) -> None:
        exposed = self.set.item_n[micro.start : micro.end]
        self.items.publish(int(exposed.max()) + 1)
        self.items.offer(int(exposed.max()) + 1)
        with self._timed("learn"):
            report = self.learner.step(micro.batch)
        self.items.exposed(exposed, started=report.started)

    def _ask(self, micro: MicroBatch, questions: Questions) -> Asked | None:
        with self._timed("index"):
            model, known = self.learner.model, self.items.n
            users = self._beside.submit(model.users, questions.users)
            cold = self._beside.submit(self.cold.follow, model, micro.start, known, questions)
            self._refresh(micro.start)
            if not len(questions):
                return None
            cold.result()
            moment = self._moment(micro, questions, users.result())
        coming = {
            name: self._beside.submit(_answer, arm, moment, questions)
            for name, arm in self.arms.items()
            if isinstance(arm, ReadsArrays)
        }
        given = {name: _answer(arm, moment, questions) for name, arm in self.arms.items() if name not in coming}
        self.cold.ask(moment, questions)
        return Asked(self._facts(questions), moment.n_items, given, coming)

    def _count(self, asked: Asked) -> None:
        answers: dict[str, Answer] = {}
        for name in self.arms:
            given = asked.given[name] if name in asked.given else asked.coming[name].result()
            self.names[name] = list(given)
            answers.update(given)
        self.tally.add(asked.facts, answers, asked.n_items)

    def _refresh(self, start: int) -> None:
        refreshed = self.items.refresh()
        turn = None if refreshed.turn is None else refreshed.turn.tolist()
        self.codes.refreshed(refreshed.before_n, refreshed.after_n, start, turn)

    def _moment(self, micro: MicroBatch, questions: Questions, u_qtd: Floats) -> Moment:
        items, model = self.items, self.learner.model
        counts, vectors = items.log_counts_n, items.vectors
        share = counts - model.log_mass_h[model.active_half_life]
        static = vectors.bias_nt[:, 0] + (self.config.gamma * share).astype(np.float32)
        u = np.ascontiguousarray(u_qtd[:, 0])
        if not (np.isfinite(u).all() and np.isfinite(static).all()):  # nothing is above NaN: it would rank first
            raise SettingsError(
                f"the towers have diverged: after {micro.start:,} exposures scores are not finite\n"
                "Learn slower: a smaller dense_rate, row_rate or tau_rate (--set)."
            )
        own = own_of(questions.repeated, len(questions), model)
        held = model.codebook.codes_kd
        codes = np.zeros((0, self.config.dim), np.float32) if held is None else held.copy()
        return Moment(
            self.set, micro.start, int(self.set.time_n[micro.start]), int(self.set.time_n[micro.end - 1]), self.learner,
            items.n, vectors, items.clusters_n, codes, counts, share, static, u, Scorer(u, vectors.v_nd, static, own),
        )  # fmt: skip

    def _facts(self, questions: Questions) -> Facts:
        set_, events, targets = self.set, questions.event_q, questions.target_q
        first = self.timeline.first_exposed_m[targets]
        ages = set_.time_n[events] - set_.time_n[first]
        ages[first >= events] = -1
        deciles = popularity_deciles(self.items.exposures_m[: self.items.n], targets)
        return Facts(
            event_q=events,
            user_q=set_.user_n[events],
            age_q=ages,
            decile_q=np.where(targets < questions.known_q, deciles, -1),
            history_q=np.fromiter(map(len, questions.users.history_items), np.int64, len(questions)),
        )

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - begin


def _answer(arm: Arm, moment: Moment, questions: Questions) -> Answers:
    with _charged(arm):
        return arm.answer(moment, questions)


@contextmanager
def _quick_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _charged(arm: Arm) -> Iterator[None]:
    begin, built = time.perf_counter(), arm.cost.build_s
    yield
    arm.cost.query_s += time.perf_counter() - begin - (arm.cost.build_s - built)
