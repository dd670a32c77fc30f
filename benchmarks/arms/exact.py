"""Exact search: the ceiling of every index over the same towers."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from benchmarks.arms.base import Answer, Cost, Moment, Questions, ReadsArrays
from benchmarks.interactions import Interactions
from benchmarks.ranks import SHOWN, best_of_all, ranks_of_all

SCORES: Final = 1 << 22
"""Scores held at once: 16 MiB."""


class Exact(ReadsArrays):
    """Scores every item known."""

    def __init__(self) -> None:
        self.cost = Cost()

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        """`exact`."""
        ranks = np.empty(len(questions), np.int32)
        tops = np.zeros((0, 0), np.int32)
        for begin, end in blocks(len(questions), moment.n_items):
            scores = moment.scorer.all(begin, end)
            ranks[begin:end] = ranks_of_all(scores, questions.target_q, questions.seen, begin)
            if begin == 0:
                tops = best_of_all(scores[:SHOWN], questions.seen)
        return {"exact": Answer(ranks, tops, float(moment.n_items))}

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        """Nothing to do: it reads the towers."""


def blocks(questions: int, items: int) -> Iterator[tuple[int, int]]:
    """Begins and ends of blocks of questions whose scores fit into `SCORES`."""
    size = max(1, SCORES // max(items, 1))
    return ((begin, min(begin + size, questions)) for begin in range(0, questions, size))
