"""Items of the users' own histories, which have a bonus or a malus in every score over the towers."""

from dataclasses import dataclass

import numpy as np

from pipeline.arrays import Floats, Ints, Longs
from pipeline.model import Model
from pipeline.native import native
from pipeline.repeats import Repeated


@dataclass(frozen=True, slots=True)
class Own:
    """A set of items a question, as slices of one array, and what is added to their scores.

    Attributes:
        items_s: item numbers, distinct within a question, the latest first.
        begin_q, end_q: the slice of each question.
        bonus_s: added to the score of each.
    """

    items_s: Longs
    begin_q: Longs
    end_q: Longs
    bonus_s: Floats

    @property
    def most(self) -> int:
        """Items of the question that has the most."""
        return int((self.end_q - self.begin_q).max(initial=0))

    def block(self, begin: int, end: int) -> "Own":
        """Those of questions begin..end."""
        return Own(self.items_s, self.begin_q[begin:end], self.end_q[begin:end], self.bonus_s)

    def of(self, questions: Longs) -> "Own":
        """Those of some questions."""
        return Own(self.items_s, self.begin_q[questions], self.end_q[questions], self.bonus_s)

    def cleared(self) -> "Own":
        """The same questions with no item of their own."""
        return Own(self.items_s, self.begin_q, self.begin_q, self.bonus_s)

    def first(self, rows_qm: Ints, items: int) -> Ints:
        """Candidates in their order behind the known items whose bonus is above 0, each once, cut at M, (Q, M)."""
        candidates = np.full(rows_qm.shape, -1, np.int32)
        marks = np.zeros(items, np.int32)
        _first(rows_qm, self.items_s, self.begin_q, self.end_q, self.bonus_s, marks, candidates)
        return candidates


def own_of(repeated: Repeated, questions: int, model: Model) -> Own:
    """The same with what a model's primary task adds to each."""
    begin, end = (np.searchsorted(repeated.rows_r, np.arange(questions), side) for side in ("left", "right"))
    return Own(repeated.columns_r, begin, end, model.bonus_tb[0][repeated.buckets_r])


@native
def _first(
    rows_qm: Ints, items_s: Longs, begin_q: Longs, end_q: Longs, bonus_s: Floats, marks: Ints, out_qm: Ints
) -> None:
    for q in range(rows_qm.shape[0]):
        at, most = 0, rows_qm.shape[1]
        for s in range(begin_q[q], end_q[q]):
            if at < most and bonus_s[s] > 0 and items_s[s] < marks.size:
                out_qm[q, at] = items_s[s]
                marks[items_s[s]] = 1
                at += 1
        for m in range(most):
            row = rows_qm[q, m]
            if at < most and row >= 0 and marks[row] == 0:
                out_qm[q, at] = row
                at += 1
        for s in range(begin_q[q], end_q[q]):
            if items_s[s] < marks.size:
                marks[items_s[s]] = 0
