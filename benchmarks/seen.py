"""Which items each question must not be answered with."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipeline.arrays import Ints, Longs


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

    def cleared(self) -> "Seen":
        """The same questions with nothing seen."""
        return replace(self, end_q=self.begin_q)

    def __iter__(self) -> Iterator[Ints]:
        return (self[question] for question in range(len(self)))
