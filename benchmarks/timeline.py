"""What lies behind each exposure of a set, strictly earlier in time."""

import numpy as np

from benchmarks.interactions import Interactions
from benchmarks.seen import Seen
from pipeline.arrays import Bools, Ints, Longs

REPEATED = 0.01
"""Share of positives that users had taken before, from which on items taken before are offered again."""


class Timeline:
    """Answers about the past of exposures; computed once a set from its columns, so that no arm keeps books.

    Whatever is asked of an exposure, only what is strictly earlier in time says it: ties in time are no past, so that
    an item's first exposure does not know it unless its file had it published before.

    Attributes:
        first_exposed_m: position of each item's first exposure, the length of the set for none.
    """

    def __init__(self, set_: Interactions) -> None:
        self.set = set_
        self._moment_n = _dense_times(set_)
        self._moments = int(self._moment_n[-1]) + 1 if len(set_) else 1
        positive = np.flatnonzero(set_.labels_nt[:, 0] > 0)
        order = positive[np.argsort(set_.user_n[positive], kind="stable")]
        self._items_s: Ints = set_.item_n[order]
        self._keys_s = self._keys(order)
        self._first_u = np.searchsorted(self._keys_s, np.arange(len(set_.users) + 1) * self._moments)
        self.first_exposed_m = np.full(len(set_.items), len(set_), np.int64)
        self.first_exposed_m[set_.item_n[::-1]] = np.arange(len(set_) - 1, -1, -1)
        past, again = self._repeats(order)
        self._past_n, self._again_n = np.cumsum(past), np.cumsum(again)

    def seen(self, rows: Longs, n_items: int) -> Seen:
        """Items that the users of these exposures took before them."""
        begin = self._first_u[self.set.user_n[rows]]
        return Seen(self._items_s, begin, np.searchsorted(self._keys_s, self._keys(rows)), n_items)

    def taken(self, rows: Longs) -> Longs:
        """How many items the users of these exposures took before them."""
        return np.searchsorted(self._keys_s, self._keys(rows)) - self._first_u[self.set.user_n[rows]]

    def repeats(self, start: int) -> bool:
        """Whether, going by what lies before position `start`, users take items again."""
        if start == 0:
            return False
        return bool(self._past_n[start - 1] and self._again_n[start - 1] >= REPEATED * self._past_n[start - 1])

    @property
    def repeated_share(self) -> float:
        """Share of the positives by users with a past that were of items that they had taken before."""
        return float(self._again_n[-1] / max(self._past_n[-1], 1)) if len(self.set) else 0.0

    @property
    def tied_share(self) -> float:
        """Share of exposures at the same time as another one of the same user."""
        keys = np.sort(self._keys(np.arange(len(self.set))))
        same = keys[1:] == keys[:-1]
        tied = np.concatenate(([False], same)) | np.concatenate((same, [False]))
        return float(tied[: len(keys)].mean()) if len(keys) else 0.0

    def known_items(self, rows: Longs) -> Longs:
        """Items published before each of these exposures: the numbers below this one."""
        known: Longs = np.searchsorted(self.set.published_m, self.set.time_n[rows])
        return known

    def _keys(self, rows: Longs) -> Longs:
        """Numbers that sort exposures by user, then by time."""
        keys: Longs = self.set.user_n[rows].astype(np.int64) * self._moments + self._moment_n[rows]
        return keys

    def _repeats(self, order: Longs) -> tuple[Bools, Bools]:
        """For each exposure, whether it is a positive of a user with a past, and one of an item in that past."""
        past, again = np.zeros(len(self.set), np.bool_), np.zeros(len(self.set), np.bool_)
        past[order] = self.taken(order) > 0
        by_item = order[np.lexsort((self._moment_n[order], self.set.item_n[order], self.set.user_n[order]))]
        users, items, moments = self.set.user_n[by_item], self.set.item_n[by_item], self._moment_n[by_item]
        starts = np.concatenate(([True], (users[1:] != users[:-1]) | (items[1:] != items[:-1])))[: len(by_item)]
        firsts = moments[np.flatnonzero(starts)]
        again[by_item] = moments > firsts[np.cumsum(starts) - 1]
        return past, again


def _dense_times(set_: Interactions) -> Longs:
    """0, 1, 2 … for the distinct times, (N,)."""
    steps = np.diff(set_.time_n, prepend=set_.time_n[:1]) > 0
    return np.cumsum(steps).astype(np.int64)
