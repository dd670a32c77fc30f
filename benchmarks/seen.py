"""Which items each question must not be answered with."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipeline.arrays import Bools, Ints, Longs
from pipeline.native import native


@dataclass(frozen=True, slots=True)
class Seen:
    """A set of item numbers a question, as slices of one array: kernels read that, everybody else `seen[q]`.

    A slice is in no order and may name an item twice, or one that is not known yet.

    Attributes:
        items_s: item numbers.
        begin_q, end_q: the slice of each question.
        n_items: items known; `seen[q]` leaves others out.

    >>> seen = Seen(np.array([4, 1, 1, 9], np.int32), np.array([0, 3]), np.array([3, 4]), n_items=5)
    >>> seen[0].tolist(), seen[1].tolist()
    ([1, 4], [])
    """

    items_s: Ints
    begin_q: Longs
    end_q: Longs
    n_items: int

    def __len__(self) -> int:
        return len(self.begin_q)

    def __getitem__(self, question: int) -> Ints:
        """Distinct known items of one question, sorted."""
        items = np.unique(self.items_s[self.begin_q[question] : self.end_q[question]])
        return items[: np.searchsorted(items, self.n_items)]

    def joined(self, items: Ints) -> "Seen":
        """The same with further items for every question."""
        if not len(items):
            return self
        sizes = self.end_q - self.begin_q
        if not sizes.any():  # nobody has seen anything: one slice does for all
            return replace(self, items_s=items, begin_q=np.zeros_like(sizes), end_q=np.full_like(sizes, len(items)))
        slices = zip(self.begin_q.tolist(), self.end_q.tolist(), strict=True)
        joined = [part for begin, end in slices for part in (self.items_s[begin:end], items)]
        ends = np.cumsum(sizes + len(items))
        return replace(self, items_s=np.concatenate(joined), begin_q=ends - sizes - len(items), end_q=ends)

    def joined_unknown(self, known_q: Longs, n_items: int) -> "Seen":
        """The same with the items that each question does not know yet: those from number `known_q` up to `n_items`.

        >>> seen = Seen(np.array([4, 1], np.int32), np.array([0, 1]), np.array([1, 2]), n_items=7)
        >>> [items.tolist() for items in seen.joined_unknown(np.array([5, 7]), 7)]
        [[4, 5, 6], [1]]
        """
        unknown = np.maximum(n_items - known_q, 0)
        if not unknown.any():
            return self
        begin, sizes = self.begin_q, self.end_q - self.begin_q
        if not sizes.any() or bool((begin == begin[0]).all() and (sizes == sizes[0]).all()):
            same = self.items_s[begin[0] : begin[0] + sizes[0]]  # one array does for all: the unknown from the last on
            items = np.append(same, np.arange(n_items - 1, int(known_q.min()) - 1, -1, dtype=np.int32))
            return replace(self, items_s=items, begin_q=np.zeros_like(sizes), end_q=sizes + unknown)
        ends = np.cumsum(sizes + unknown)
        items = np.empty(ends[-1], np.int32)
        _join_unknown(self.items_s, begin, self.end_q, known_q, n_items, items)
        return replace(self, items_s=items, begin_q=ends - sizes - unknown, end_q=ends)

    def below(self, n_items: int) -> Longs:
        """How many distinct items of each question are numbered below `n_items`, (Q,)."""
        counts = np.zeros(len(self), np.int64)
        _count_below(self.items_s, self.begin_q, self.end_q, np.zeros(n_items, np.bool_), counts)
        return counts

    def part(self, begin: int, end: int) -> "Seen":
        """Those of questions begin..end."""
        return replace(self, begin_q=self.begin_q[begin:end], end_q=self.end_q[begin:end])

    def cleared(self) -> "Seen":
        """The same questions with nothing seen."""
        return replace(self, end_q=self.begin_q)

    def __iter__(self) -> Iterator[Ints]:
        return (self[question] for question in range(len(self)))


@native
def _join_unknown(items_s: Ints, begin_q: Longs, end_q: Longs, known_q: Longs, n_items: int, out: Ints) -> None:
    at = 0
    for q in range(begin_q.size):
        for s in range(begin_q[q], end_q[q]):
            out[at] = items_s[s]
            at += 1
        for item in range(known_q[q], n_items):
            out[at] = item
            at += 1


@native
def _count_below(items_s: Ints, begin_q: Longs, end_q: Longs, marks: Bools, counts_q: Longs) -> None:
    for q in range(begin_q.size):
        for s in range(begin_q[q], end_q[q]):
            if items_s[s] < marks.size and not marks[items_s[s]]:
                marks[items_s[s]] = True
                counts_q[q] += 1
        for s in range(begin_q[q], end_q[q]):
            if items_s[s] < marks.size:
                marks[items_s[s]] = False
