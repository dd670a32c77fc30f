"""The user's own top items by frequency, filled up with popular ones: GP-TopFreq (Li et al., TOIS 2023)."""

from collections.abc import Mapping

import numpy as np

from benchmarks.arms.base import Answer, Cost, Moment, Questions
from benchmarks.arms.popularity import Popular, popular_behind
from benchmarks.interactions import Interactions
from benchmarks.seen import Seen
from pipeline.arrays import Ints, Longs
from pipeline.native import native


class GPTopFreq:
    """What each user took most often in the whole past, of equals the latest first; behind it what is popular.

    Where people buy the same again this is hard to beat ("A next basket recommendation reality check"). Where items
    taken before are not offered it is popularity.
    """

    def __init__(self, popular: Popular) -> None:
        self.cost = Cost()
        self._popular = popular

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        """`gp-topfreq@…` by half-life of the popularity behind."""
        first = most_frequent(questions.taken, questions.seen)
        return popular_behind("gp-topfreq", first, self._popular, moment, questions)

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        """Count the positives; those of the user are in the questions."""
        self._popular.learned(set_, start, end)


def most_frequent(taken: Seen, seen: Seen) -> Seen:
    """Distinct known items of what each user took (in the order of time) and is offered, the most frequent first.

    >>> taken = Seen(np.array([3, 1, 1, 2, 9, 2, 0], np.int32), np.array([0, 6]), np.array([6, 7]), n_items=5)
    >>> first = most_frequent(taken, taken.cleared())
    >>> [first.items_s[begin:end].tolist() for begin, end in zip(first.begin_q, first.end_q)]
    [[2, 1, 3], [0]]
    """
    sizes_q = taken.end_q - taken.begin_q
    begin_q, end_q = np.cumsum(sizes_q) - sizes_q, np.zeros_like(sizes_q)
    items_s = np.empty(sizes_q.sum(), np.int32)
    counts_n, latest_n = np.zeros(taken.n_items, np.int64), np.zeros(taken.n_items, np.int64)
    _most_frequent(
        taken.items_s, taken.begin_q, taken.end_q, seen.items_s, seen.begin_q, seen.end_q,
        counts_n, latest_n, items_s, begin_q, end_q,
    )  # fmt: skip
    return Seen(items_s, begin_q, end_q, taken.n_items)


@native
def _most_frequent(
    taken_s: Ints, taken_begin_q: Longs, taken_end_q: Longs, seen_s: Ints, seen_begin_q: Longs, seen_end_q: Longs,
    counts_n: Longs, latest_n: Longs, items_s: Ints, begin_q: Longs, end_q: Longs,
) -> None:  # fmt: skip
    for q in range(begin_q.size):
        end_q[q] = begin_q[q]
        if taken_begin_q[q] == taken_end_q[q]:
            continue
        hidden = seen_s[seen_begin_q[q] : seen_end_q[q]]
        for row in hidden:
            if row < counts_n.size:
                counts_n[row] = -1
        for s in range(taken_begin_q[q], taken_end_q[q]):
            item = taken_s[s]
            if item >= counts_n.size or counts_n[item] < 0:
                continue
            if counts_n[item] == 0:
                items_s[end_q[q]] = item
                end_q[q] += 1
            counts_n[item] += 1
            latest_n[item] = s - taken_begin_q[q]
        own = items_s[begin_q[q] : end_q[q]].copy()
        length = taken_end_q[q] - taken_begin_q[q]
        order = np.argsort(-(counts_n[own] * length + latest_n[own]))
        items_s[begin_q[q] : end_q[q]] = own[order]
        counts_n[own] = 0
        for row in hidden:
            if row < counts_n.size:
                counts_n[row] = 0
