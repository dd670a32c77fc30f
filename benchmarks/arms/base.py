"""What every arm is asked, what it answers, and what it may know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from benchmarks.interactions import Interactions
from benchmarks.scoring import Scorer
from benchmarks.seen import Seen
from pipeline.arrays import Doubles, Floats, Ints, Longs
from pipeline.inputs import UserInputs
from pipeline.learner import Learner
from pipeline.model import ItemVectors
from pipeline.repeats import Repeated

K = 100  # answers are judged down to this rank
MISSED = -1  # rank of an item that is not among the first K


@dataclass(frozen=True, slots=True)
class Questions:
    """Q positive exposures of one micro-batch, to be foretold before anything is learned from the batch.

    Attributes:
        event_q: position of each exposure in the interactions.
        target_q: item number to be found; one that is not known yet (>= `known_q`) cannot be.
        users: the user's side, with its history strictly before the exposure.
        last_q: number of the latest item in the history, -1 for none.
        repeated: where the items of the history stand in it, as cells (question, item number); none where items taken
            before are not offered, be it that they were taken for another task only.
        seen: items that are not to be offered to each, those not known yet among them; `seen[q]` is sorted.
        taken: every positive of each user before the exposure, in the order of time; none where items taken before are
            not offered.
        known_q: items published before each exposure: the numbers below this one.
    """

    event_q: Longs
    target_q: Ints
    users: UserInputs
    last_q: Ints
    repeated: Repeated
    seen: Seen
    taken: Seen
    known_q: Longs

    def __len__(self) -> int:
        return len(self.event_q)

    def part(self, begin: int, end: int) -> "Questions":
        """Those numbered begin..end."""
        users, cells = self.users, slice(*np.searchsorted(self.repeated.rows_r, (begin, end)).tolist())
        return Questions(
            self.event_q[begin:end],
            self.target_q[begin:end],
            UserInputs(
                users.user_ids[begin:end],
                users.features[begin:end],
                users.contexts[begin:end],
                users.history_items[begin:end],
                users.history_ages[begin:end],
            ),
            self.last_q[begin:end],
            Repeated(
                self.repeated.rows_r[cells] - begin, self.repeated.columns_r[cells], self.repeated.buckets_r[cells]
            ),
            self.seen.part(begin, end),
            self.taken.part(begin, end),
            self.known_q[begin:end],
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known during a micro-batch, from which nothing is learned before its end; N items are published by then.

    Attributes:
        set: the interactions; an arm may read what lies before `start`, and when known items were published and their
            features.
        start: position of the batch's first exposure.
        now: time of that exposure, milliseconds since the epoch.
        until: time of the batch's last exposure.
        learner: the towers, codebook and popularity as trained so far.
        n_items: N; a question knows those below its `known_q`, and has the others among what it must not be offered.
        vectors: index vectors and biases of the items known, (N, d) and (N, T).
        clusters_n: code of each, -1 for none yet.
        codes_kd: the codes, a copy; none before the codebook starts.
        log_counts_n: forward-decayed log count of each, by the half-life in use.
        log_share_n: log p of each.
        static_n: bias + gamma log p of the primary task: what a score has beyond u·v.
        u_qd: index vectors of the users asked about, of the primary task.
        scorer: scores of items for these users; every arm over the live towers ranks by it.
    """

    set: Interactions
    start: int
    now: int
    until: int
    learner: Learner
    n_items: int
    vectors: ItemVectors
    clusters_n: Ints
    codes_kd: Floats
    log_counts_n: Doubles
    log_share_n: Doubles
    static_n: Floats
    u_qd: Floats
    scorer: Scorer


@dataclass(frozen=True, slots=True)
class Answer:
    """Ranks of the targets, and the first items of a few of the questions, to see which are ever shown.

    Attributes:
        rank_q: 0-based rank of each target, MISSED beyond the first K.
        top_sk: the first K items of the first S questions, -1 where there are fewer.
        scored: scores computed a question, on average: of items, and of the clusters or centroids looked through first.
    """

    rank_q: Ints
    top_sk: Ints
    scored: float


@dataclass(slots=True)
class Cost:
    """Seconds an arm spent, beyond what all share (towers and training).

    The replay measures `query_s`: all of `answer` and `learned` that the arm does not count as `build_s` itself.

    Attributes:
        build_s: spent on builds that were carried out.
        query_s: spent on everything else.
        builds: how many were carried out.
        rebuilds: how many the clock of the events asked for; one build may stand for several.
        rebuilds_s: what they would have taken, at the seconds of the build that stands for each.
        notes: other measures by name.
    """

    build_s: float = 0.0
    query_s: float = 0.0
    builds: int = 0
    rebuilds: int = 0
    rebuilds_s: float = 0.0
    notes: dict[str, float] = field(default_factory=dict)


class ReadsArrays:
    """Marks an arm that reads nothing of a moment that learning changes, so that it may answer while that goes on."""


class Arm(Protocol):
    """One way to answer. `answer` and `learned` are called in turn, once a micro-batch."""

    cost: Cost

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        """Answers by name: an arm with several budgets answers under several names."""

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        """Exposures start..end have been learned from; an arm may now count them."""
