"""How often items followed each other, in bounded memory."""

from typing import Any, Final

import numpy as np

from benchmarks.arms.base import MISSED, K, Questions
from pipeline.arrays import Ints, Longs
from pipeline.ids import grown
from pipeline.native import native

NONE: Final = -1


class Followers:
    """A list of (follower, count) an item, linked through flat arrays that grow with the pairs seen.

    A list that is full gives the place of its rarest entry to a new follower, which takes over its count (Metwally et
    al. 2005, Space-Saving): what follows often is never lost.

    >>> followers = Followers(items=3, widest=2)
    >>> followers.add(np.array([0, 0, -1], np.int32), np.array([2, 2, 1], np.int32))
    >>> [column.tolist() for column in followers.of(0)]
    [[2], [2]]
    """

    def __init__(self, items: int, widest: int) -> None:
        self._widest = widest
        self._head_m: Ints = np.full(items, NONE, np.int32)
        self._size_m: Ints = np.zeros(items, np.int32)
        self._item_e: Ints = np.zeros(64, np.int32)
        self._count_e: Ints = np.zeros(64, np.int32)
        self._next_e: Ints = np.zeros(64, np.int32)
        self._used = 0

    def add(self, last_b: Ints, items_b: Ints) -> None:
        """Count that each item followed the other; nothing where there was none before, -1."""
        most = self._used + len(items_b)
        self._item_e, self._count_e = grown(self._item_e, most), grown(self._count_e, most)
        self._next_e = grown(self._next_e, most)
        self._used = _add(
            last_b, items_b, self._widest, self._used,
            self._head_m, self._size_m, self._item_e, self._count_e, self._next_e,
        )  # fmt: skip

    def of(self, item: int) -> tuple[Ints, Ints]:
        """Followers of an item and their counts, in no order; none of item -1."""
        found: list[int] = []
        entry = int(self._head_m[item]) if item >= 0 else NONE
        while entry != NONE:
            found.append(entry)
            entry = int(self._next_e[entry])
        return self._item_e[found], self._count_e[found]

    def ranks(self, place_n: Ints, questions: Questions) -> Ints:
        """Ranks of the targets when followers of the last item come first, by count; all else by `place_n`, (Q,)."""
        ranks = np.full(len(questions), MISSED, np.int32)
        seen = questions.seen
        _ranks(
            questions.last_q, questions.target_q, place_n, seen.items_s, seen.begin_q, seen.end_q,
            self._head_m, self._item_e, self._count_e, self._next_e, np.zeros(len(place_n), np.uint8), ranks,
        )  # fmt: skip
        return ranks


@native
def _add(
    last_b: Ints, items_b: Ints, widest: int, used: int, head: Ints, size: Ints, item: Ints, count: Ints, follow: Ints
) -> int:
    for b in range(last_b.size):
        last = last_b[b]
        if last < 0:
            continue
        entry, rarest = head[last], head[last]
        while entry != NONE and item[entry] != items_b[b]:
            if count[entry] < count[rarest]:
                rarest = entry
            entry = follow[entry]
        if entry != NONE:
            count[entry] += 1
        elif size[last] < widest:
            item[used], count[used], follow[used] = items_b[b], 1, head[last]
            head[last] = used
            size[last] += 1
            used += 1
        else:
            item[rarest] = items_b[b]
            count[rarest] += 1
    return used


@native
def _ranks(
    last_q: Ints, target_q: Ints, place_n: Ints, seen_s: Ints, begin_q: Longs, end_q: Longs,
    head: Ints, item: Ints, count: Ints, follow: Ints, marks: Any, ranks_q: Ints,
) -> None:  # fmt: skip
    n = place_n.size
    for q in range(last_q.size):
        target = target_q[q]
        if target < 0 or target >= n:
            continue
        first = head[last_q[q]] if last_q[q] >= 0 else NONE
        _mark(seen_s, begin_q[q], end_q[q], marks, 1)
        if marks[target] == 0:
            times = _times(target, first, item, count, follow)
            above = _above(target, times, first, place_n, item, count, follow, marks)
            if times == 0:  # then it comes behind all followers, by its place
                above += place_n[target] - _counted_twice(target, first, place_n, item, follow, marks)
                above -= _hidden(target, place_n, seen_s, begin_q[q], end_q[q], marks)
            ranks_q[q] = above if above < K else MISSED
        _mark(seen_s, begin_q[q], end_q[q], marks, 0)


@native
def _mark(seen_s: Ints, begin: int, end: int, marks: Any, mark: int) -> None:
    for s in range(begin, end):
        if seen_s[s] < marks.size:
            marks[seen_s[s]] = mark


@native
def _times(target: int, first: int, item: Ints, count: Ints, follow: Ints) -> int:
    entry = first
    while entry != NONE:
        if item[entry] == target:
            return int(count[entry])
        entry = follow[entry]
    return 0


@native
def _above(
    target: int, times: int, first: int, place_n: Ints, item: Ints, count: Ints, follow: Ints, marks: Any
) -> int:
    """Unseen followers that come before the target."""
    above, entry = 0, first
    while entry != NONE:
        row = item[entry]
        if row < place_n.size and marks[row] == 0:
            above += count[entry] > times or (count[entry] == times and place_n[row] < place_n[target])
        entry = follow[entry]
    return above


@native
def _counted_twice(target: int, first: int, place_n: Ints, item: Ints, follow: Ints, marks: Any) -> int:
    """Unseen followers that are also more popular than the target."""
    twice, entry = 0, first
    while entry != NONE:
        row = item[entry]
        twice += row < place_n.size and marks[row] == 0 and place_n[row] < place_n[target]
        entry = follow[entry]
    return twice


@native
def _hidden(target: int, place_n: Ints, seen_s: Ints, begin: int, end: int, marks: Any) -> int:
    """Seen items that are more popular than the target; each is marked once more, so that it counts once."""
    hidden = 0
    for s in range(begin, end):
        row = seen_s[s]
        if row < place_n.size and marks[row] == 1:
            marks[row] = 2
            hidden += place_n[row] < place_n[target]
    return hidden
