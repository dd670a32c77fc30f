"""What an index that is rebuilt now and then knows between two rebuilds."""

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchmarks.arms.base import Moment, Questions
from benchmarks.ineligible import known_only
from benchmarks.interactions import Interactions
from benchmarks.known_items import REFRESHED
from benchmarks.own import Own, own_of
from benchmarks.scoring import Scorer
from pipeline.arrays import Doubles, Floats, Longs
from pipeline.model import ItemVectors, Model

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR


class Snapshot:
    """Towers and popularity of one moment, frozen, and its first items; later ones are known by their features.

    Attributes:
        n_items: items that an index of it holds.
        static_n: bias + gamma log p of each, as of then.
    """

    def __init__(self, moment: Moment, n_items: int) -> None:
        self.n_items = n_items
        self.model: Model = copy.deepcopy(moment.learner.model)
        self._set = moment.set
        vectors = self._vectors(range(self.n_items)) if self.n_items > REFRESHED else moment.vectors
        self._v, self._bias = vectors.v_nd[:n_items].copy(), vectors.bias_nt[:n_items, 0].copy()
        self.static_n = self._static(moment.log_share_n[:n_items])
        self._asked = -1
        self._u: Floats = np.zeros((0, 0), np.float32)

    @property
    def v_nd(self) -> Floats:
        """Vectors of its items."""
        return self._v[: self.n_items]

    def as_of_then(self, moment: Moment, questions: Questions) -> Scorer:
        """Scores its items, for users with the history that they have now."""
        return Scorer(self._users(moment, questions), self.v_nd, self.static_n, self._own(questions))

    def with_live_popularity(self, moment: Moment, questions: Questions) -> Scorer:
        """Scores all items published: later ones by their features only, all by their popularity of now."""
        if len(self._v) < moment.n_items:
            late = self._vectors(range(len(self._v), moment.n_items))
            self._v = np.concatenate((self._v, late.v_nd))
            self._bias = np.concatenate((self._bias, late.bias_nt[:, 0]))
        u, live = self._users(moment, questions), self._static(moment.log_share_n)
        return Scorer(u, self._v, live, self._own(questions))

    def _users(self, moment: Moment, questions: Questions) -> Floats:
        if self._asked != moment.start:
            self._asked, self._u = moment.start, np.ascontiguousarray(self.model.users(questions.users)[:, 0])
        return self._u

    def _own(self, questions: Questions) -> Own:
        return own_of(questions.repeated, len(questions), self.model)

    def _static(self, log_share_n: Doubles) -> Floats:
        static: Floats = self._bias + (self.model.config.gamma * log_share_n).astype(np.float32)
        return static

    def _vectors(self, items: Sequence[int]) -> ItemVectors:
        parts = [_vectors(self.model, self._set, items[at : at + REFRESHED]) for at in range(0, len(items), REFRESHED)]
        return ItemVectors(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


@dataclass(frozen=True, slots=True)
class Part:
    """Questions that are answered from the same snapshot.

    Attributes:
        snapshot: the towers of the latest rebuild before each.
        questions: Q of them.
        known_q: items that the index held after that rebuild: the numbers below this one.
        then: scores of the snapshot's items as of then.
        live: scores of all items published, with live popularity.
    """

    snapshot: Snapshot
    questions: Questions
    known_q: Longs
    then: Scorer
    live: Scorer


class Snapshots:
    """Snapshots on a grid of event time, shared by all indexes that are rebuilt as often.

    Rebuilds are due at the first moment asked about and every period after it, inside a micro-batch as well. All within
    one batch have the same towers and differ by the items published in between, so one snapshot stands for them: of it,
    a question is shown no item that was published since its own latest rebuild.

    Attributes:
        latest: the snapshot in force at the end of the batch.
        rebuilds: how many of the rebuilds that it stands for change anything: the first one, which has new towers, and
            those before which items were published.
        seconds: spent on copies of the towers and on what they compute: no index's own cost.
    """

    latest: Snapshot

    def __init__(self, period: int = DAY) -> None:
        """`period` is in milliseconds of event time."""
        self.period = period
        self.rebuilds = 0
        self.seconds = 0.0
        self._origin = 0
        self._before: Snapshot | None = None
        self._first = 0  # number on the grid of the first rebuild that `latest` stands for
        self._last = -1  # and of the last one
        self._asked = -1

    def parts(self, moment: Moment, questions: Questions) -> Iterator[Part]:
        """The questions by their snapshots, in order."""
        self._follow(moment)
        numbers = self._numbers(moment.set.time_n[questions.event_q])
        split = int(np.searchsorted(numbers, self._first)) if self._before is not None else 0
        for snapshot, begin, end in ((self._before, 0, split), (self.latest, split, len(questions))):
            if snapshot is not None and begin < end:
                due = self._origin + np.minimum(numbers[begin:end], self._last) * self.period
                asked, held = questions.part(begin, end), np.searchsorted(moment.set.published_m, due)
                known = np.minimum(np.minimum(held, snapshot.n_items), asked.known_q)
                yield self._part(snapshot, moment, asked, known)

    def _follow(self, moment: Moment) -> None:
        """Take a snapshot where a rebuild is due before the batch ends."""
        if self._asked == moment.start:
            return
        if self._asked < 0:
            self._origin = moment.now
        else:
            self._before = self.latest
        self._asked = moment.start
        last = int(self._numbers(np.array([moment.until]))[0])
        if last > self._last:
            begin = time.perf_counter()
            self._first, self._last = self._last + 1, last
            first, n_items = (self._published(moment, number) for number in (self._first, last))
            since = self._numbers(moment.set.published_m[first:n_items])
            self.latest, self.rebuilds = Snapshot(moment, max(n_items, 1)), 1 + len(np.unique(since))
            self.seconds += time.perf_counter() - begin

    def _part(self, snapshot: Snapshot, moment: Moment, questions: Questions, known_q: Longs) -> Part:
        begin = time.perf_counter()
        own = replace(questions, repeated=known_only(questions.repeated, known_q))
        then = snapshot.as_of_then(moment, own)
        live = snapshot.with_live_popularity(moment, questions)
        self.seconds += time.perf_counter() - begin
        return Part(snapshot, questions, known_q, then, live)

    def _published(self, moment: Moment, number: int) -> int:
        """Items published before a rebuild."""
        published = np.searchsorted(moment.set.published_m, self._origin + number * self.period)
        return min(int(published), moment.n_items)

    def _numbers(self, times: Longs) -> Longs:
        """Numbers of the latest rebuilds at these times."""
        return (times - self._origin) // self.period


def insertions(set_: Interactions, boundaries: Longs, period: int = HOUR) -> int:
    """Items put into an index over a whole replay: all of them at each build that is carried out; an upper bound.

    Args:
        set_: the interactions.
        boundaries: of the micro-batches: one build serves all rebuilds due within one.
        period: milliseconds of event time.
    """
    if len(boundaries) < 3:  # of which the first is not predicted
        return 0
    origin = set_.time_n[boundaries[1]]
    last = np.unique((set_.time_n[boundaries[2:] - 1] - origin) // period)
    return int(np.searchsorted(set_.published_m, origin + last * period).sum())


def _vectors(model: Model, set_: Interactions, items: Sequence[int]) -> ItemVectors:
    return model.items([set_.items[item] for item in items], [set_.features_of_item(item) for item in items])
