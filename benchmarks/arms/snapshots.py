"""What an index that is rebuilt now and then knows between two rebuilds."""

import copy
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from benchmarks.arms.base import Moment, Questions
from benchmarks.interactions import Interactions
from benchmarks.known_items import REFRESHED
from benchmarks.own import Own, own_of
from benchmarks.scoring import Scorer
from pipeline.arrays import Doubles, Floats
from pipeline.model import ItemVectors, Model

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR


class Snapshot:
    """Towers, items and popularity of one moment, frozen; items published later are known by their features.

    Attributes:
        taken: milliseconds since the epoch.
        n_items: items known then.
        start: position of the first exposure that it has not learned from.
        static_n: bias + gamma log p of each, as of then.
    """

    def __init__(self, moment: Moment) -> None:
        self.taken, self.start, self.n_items = moment.now, moment.start, moment.n_items
        self.model: Model = copy.deepcopy(moment.learner.model)
        self._set = moment.set
        vectors = self._vectors(range(self.n_items)) if self.n_items > REFRESHED else moment.vectors
        self._v, self._bias = vectors.v_nd.copy(), vectors.bias_nt[:, 0].copy()
        self.static_n = self._static(moment.log_share_n)
        self._asked = -1
        self._u: Floats = np.zeros((0, 0), np.float32)

    @property
    def v_nd(self) -> Floats:
        """Vectors of the items known then."""
        return self._v[: self.n_items]

    def as_of_then(self, moment: Moment, questions: Questions) -> Scorer:
        """Scores the items known then, for users with the history that they have now."""
        return Scorer(self._users(moment, questions), self.v_nd, self.static_n, self._own(questions))

    def with_live_popularity(self, moment: Moment, questions: Questions) -> Scorer:
        """Scores the items known now: later ones by their features only, all by their popularity of now."""
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


class Snapshots:
    """One snapshot a period of event time, shared by all indexes that are rebuilt as often.

    Attributes:
        seconds: spent on copies of the towers and on what they compute: no index's own cost.
    """

    def __init__(self, period: int = DAY) -> None:
        """`period` is in milliseconds of event time."""
        self.period = period
        self.seconds = 0.0
        self._latest: Snapshot | None = None

    def at(self, moment: Moment) -> Snapshot:
        """The latest one, or a new one when it is older than a period and something was learned since."""
        latest = self._latest
        if latest is None or (moment.now - latest.taken >= self.period and moment.start > latest.start):
            begin = time.perf_counter()
            latest = self._latest = Snapshot(moment)
            self.seconds += time.perf_counter() - begin
        return latest

    def scorers(self, moment: Moment, questions: Questions) -> tuple[Snapshot, Scorer, Scorer]:
        """The snapshot, and its scores as of then and with live popularity."""
        snapshot, begin = self.at(moment), time.perf_counter()
        then = snapshot.as_of_then(moment, questions)
        live = snapshot.with_live_popularity(moment, questions)
        self.seconds += time.perf_counter() - begin
        return snapshot, then, live


def insertions(set_: Interactions, batch: int, period: int = HOUR) -> int:
    """Items put into an index over a whole replay when it is rebuilt once a period; an upper bound of the true count.

    Args:
        set_: the interactions.
        batch: exposures a micro-batch: it is rebuilt between two of them.
        period: milliseconds of event time.
    """
    starts = np.arange(batch, len(set_), batch)
    known = np.maximum.accumulate(set_.item_n)[starts - 1].astype(np.int64) + 1
    published = np.searchsorted(set_.published_m, set_.time_n[starts])
    total, built = 0, None
    for now, items in zip(set_.time_n[starts].tolist(), np.maximum(known, published).tolist(), strict=True):
        if built is None or now - built >= period:
            total, built = total + items, now
    return total


def _vectors(model: Model, set_: Interactions, items: Sequence[int]) -> ItemVectors:
    return model.items([set_.items[item] for item in items], [set_.features_of_item(item) for item in items])
