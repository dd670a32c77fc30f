"""Last-item co-occurrence: what users took next after the item that was this user's last."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from benchmarks.arms.base import Answer, Cost, K, Moment, Questions
from benchmarks.arms.followers import Followers
from benchmarks.arms.popularity import DecayedCounts
from benchmarks.interactions import Interactions
from benchmarks.ranks import SHOWN
from pipeline.arrays import Bools, Ints, Longs
from pipeline.native import native

HALF_LIFE: Final = 8_000
"""Of the popularity that orders items taken equally often after the last one, and all others behind them."""
WIDEST: Final = 500
"""Followers kept an item; of more, the rarest gives way."""


class ItemKNN:
    """Items by how often they followed the user's last one, then by popularity."""

    def __init__(self, items: int, users: int) -> None:
        self.cost = Cost()
        self._followers = Followers(items, WIDEST)
        self._popular = DecayedCounts(HALF_LIFE, items)
        self._last = _LastItems(users)

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        """`item-knn`."""
        n = moment.n_items
        order = self._popular.order(n)
        place = np.empty(n, np.int32)
        place[order] = np.arange(n)
        ranks = self._followers.ranks(place, questions)
        tops = np.full((min(SHOWN, len(questions)), K), -1, np.int32)
        for q in range(len(tops)):
            rows = self._best(int(questions.last_q[q]), place, order, questions.seen[q])
            tops[q, : len(rows)] = rows
        return {"item-knn": Answer(ranks, tops, 0.0)}

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        """Count which positives followed which."""
        users, items, times = set_.user_n[start:end], set_.item_n[start:end], set_.time_n[start:end]
        labels = set_.labels_nt[start:end]
        last = self._last.follow(users, items, times, np.any(labels > 0, axis=1))
        chosen = labels[:, 0] > 0
        self._popular.add(items[chosen].astype(np.int64))
        self._followers.add(last[chosen], items[chosen])

    def _best(self, last: int, place: Ints, order: Longs, seen: Ints) -> Ints:
        """The first K unseen items after `last`."""
        items, counts = self._followers.of(last)
        known = (items < len(place)) & ~np.isin(items, seen)
        items, counts = items[known], counts[known]
        first = items[np.lexsort((place[items], -counts))]
        rest = order[: len(seen) + len(first) + K]
        rest = rest[~np.isin(rest, np.concatenate((seen, first)))]
        return np.concatenate((first, rest))[:K].astype(np.int32)


class _LastItems:
    """The latest positive of each user, strictly before a time; the same rule as in `Histories`."""

    def __init__(self, users: int) -> None:
        self._item_u = np.full((users, 2), -1, np.int32)  # at the latest time, and before it
        self._time_u = np.full(users, -1, np.int64)

    def follow(self, users_b: Ints, items_b: Ints, times_b: Longs, positive_b: Bools) -> Ints:
        """Last item of each exposure's user, -1 for none, (B,); positives then become the last."""
        last = np.full(len(users_b), -1, np.int32)
        _follow(users_b, items_b, times_b, positive_b, self._item_u, self._time_u, last)
        return last


@native
def _follow(users: Ints, items: Ints, times: Longs, positive: Bools, item_u: Ints, time_u: Longs, last: Ints) -> None:
    for b in range(len(users)):
        user = users[b]
        later = times[b] > time_u[user]
        last[b] = item_u[user, 0] if later else item_u[user, 1]
        if positive[b]:
            if later:
                item_u[user, 1] = item_u[user, 0]
                time_u[user] = times[b]
            item_u[user, 0] = items[b]
