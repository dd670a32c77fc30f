"""The items known so far with their vectors, codes and popularity, as the index holds them."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from benchmarks.encoded_items import EncodedItems
from benchmarks.interactions import Interactions
from pipeline.arrays import Bools, Doubles, Floats, Ints, Longs
from pipeline.eligibility import EVERYTHING, Eligibility
from pipeline.features import Features
from pipeline.ids import grown
from pipeline.learner import Learner
from pipeline.model import ItemVectors

REFRESHED: Final = 50_000
"""Items whose vectors follow the towers with each full micro-batch, beside those just exposed; more take turns."""


class Refreshed(NamedTuple):
    """Codes of the items known, before and after a refresh, and the items whose turn it was; None: all of them."""

    before_n: Ints
    after_n: Ints
    turn: Longs | None


class KnownItems:
    """Arrays by item number; the first `n` are in use.

    Items that were just exposed or published follow the towers at once. All others take turns, by the exposures that
    were learned from: with a full micro-batch it is everybody's turn, with a short one that of its share, as a scanner
    has time for. So none is further behind than full micro-batches leave it, and a short step costs little.

    Attributes:
        n: items published.
        offered: items that the learner draws negatives from.
        clusters_m: present codes, -1 for none yet.
        exposures_m: exposures learned from.
    """

    def __init__(
        self,
        set_: Interactions,
        learner: Learner,
        refreshed: int = REFRESHED,
        eligible: Eligibility = EVERYTHING,
    ) -> None:
        """Know no item.

        Args:
            set_: the interactions.
            learner: the towers and codes that the items follow.
            refreshed: items that follow with each full micro-batch; 0: only those just exposed.
            eligible: which may be drawn as negatives.
        """
        config = learner.config
        self._set, self._learner, self._refreshed, self._eligible = set_, learner, refreshed, eligible
        self.n = self.offered = 0
        self._v: Floats = np.zeros((64, config.dim), np.float32)
        self._bias: Floats = np.zeros((64, config.n_tasks), np.float32)
        self._counts: Doubles = np.zeros((64, len(config.half_lives)))
        self.clusters_m: Ints = np.full(64, -1, np.int32)
        self.exposures_m: Longs = np.zeros(64, np.int64)
        self._encoded = EncodedItems(set_, learner.model)
        self._stale: Longs = np.zeros(0, np.int64)
        self._owed = 1.0  # full micro-batches learned from since the last turn
        self._turn = 0

    @property
    def vectors(self) -> ItemVectors:
        """Of the items known."""
        return ItemVectors(self._v[: self.n], self._bias[: self.n])

    @property
    def clusters_n(self) -> Ints:
        """Codes of the items known."""
        return self.clusters_m[: self.n]

    @property
    def log_counts_n(self) -> Doubles:
        """Forward-decayed log counts of the items known, by the half-life in use; of those never exposed as of now."""
        model = self._learner.model
        counts = self._counts[: self.n, model.active_half_life]
        return np.where(self.exposures_m[: self.n] > 0, counts, model.initial_popularity()[model.active_half_life])

    def publish(self, n: int) -> None:
        """Items below `n` are known from now on."""
        self._v, self._bias, self._counts = grown(self._v, n), grown(self._bias, n), grown(self._counts, n)
        self.clusters_m, self.exposures_m = grown(self.clusters_m, n, -1), grown(self.exposures_m, n)
        self._stale = np.concatenate((self._stale, np.arange(self.n, n)))
        self.n = max(n, self.n)

    def offer(self, n: int) -> None:
        """Items below `n` may be drawn as negatives from now on."""
        set_, more = self._set, range(self.offered, n)
        for item in more:
            name, features, published = set_.items[item], set_.features_of_item(item), int(set_.published_m[item])
            drawn = self._eligible.allows(features)
            self._learner.catalogue.put(name, features, drawn=drawn, published=published)
        self.offered = max(n, self.offered)

    def exposed(self, items_b: Ints, *, started: bool = False) -> None:
        """A batch of exposures was learned from; `started`: so was the codebook, and all items are to be filed."""
        np.add.at(self.exposures_m, items_b, 1)
        self._stale = np.concatenate((self._stale, items_b))
        self._owed += 1.0 if started else len(items_b) / self._learner.config.batch

    def refresh(self) -> Refreshed:
        """Bring popularity, vectors and codes of those just exposed or published, and of those whose turn it is, up to
        the present parameters.
        """
        before = self.clusters_n.copy()
        stale, turn = np.unique(self._stale), self._next_turn()
        self._stale = np.zeros(0, np.int64)
        self._counts[stale] = self._learner.popularity([self._set.items[row] for row in stale.tolist()])
        if turn is None:
            rows, vectors = np.arange(self.n), self._encoded.vectors(self.n)
        else:
            rows = np.union1d(stale, turn)
            vectors = self._learner.model.items(*self._named(rows.tolist()))
        self._v[rows], self._bias[rows] = vectors
        self.clusters_m[rows] = self._learner.model.assign(vectors.v_nd, self.clusters_m[rows])
        return Refreshed(before, self.clusters_n, turn)

    def astray_n(self) -> Bools:
        """Items known that the present towers and codebook file elsewhere than where they stand, (N,)."""
        stands = self.clusters_n
        v_nd = self._learner.model.items(*self._named(range(self.n))).v_nd
        astray: Bools = self._learner.model.assign(v_nd, stands) != stands
        return astray

    @property
    def items_k(self) -> Longs:
        """Items that the learner has heard of under each code, (K,)."""
        filed = self.clusters_m[: self.offered]
        filed = filed[filed >= 0]
        return np.bincount(filed, minlength=self._learner.model.codebook.n_codes)

    def empty_codes(self) -> list[int]:
        """Codes that hold no item; none before any item is filed."""
        items_k = self.items_k
        return np.flatnonzero(items_k == 0).tolist() if items_k.any() else []

    def _next_turn(self) -> Longs | None:
        """Items whose turn it is to follow the towers; None: all of them."""
        share, self._owed = min(self._owed, 1.0), 0.0
        items = math.ceil(share * min(self._refreshed, self.n))
        if items == self.n and self._refreshed:
            return None
        turn = (self._turn + np.arange(items)) % max(self.n, 1)
        self._turn = (self._turn + items) % max(self.n, 1)
        return turn

    def _named(self, numbers: Sequence[int]) -> tuple[list[str], list[Features]]:
        set_ = self._set
        return [set_.items[item] for item in numbers], [set_.features_of_item(item) for item in numbers]


def astray_by_popularity(items: KnownItems) -> list[float]:
    """Share of the items astray in each tenth of those known, the most exposed ones first."""
    order = np.argsort(-items.exposures_m[: items.n], kind="stable")
    return [float(tenth.mean()) if len(tenth) else 0.0 for tenth in np.array_split(items.astray_n()[order], 10)]
