"""What was taken most lately: a decayed count of positives, for several half-lives."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from benchmarks.arms.base import Answer, Cost, Moment, Questions
from benchmarks.interactions import Interactions
from benchmarks.ranks import SHOWN, first_unseen, ranks_by_place
from benchmarks.seen import Seen
from pipeline.arrays import Doubles, Longs

HALF_LIVES: Final = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000)


class DecayedCounts:
    """Positives of the primary task by item, halved every so many of them.

    >>> counts = DecayedCounts(half_life=1, items=3)
    >>> counts.add(np.array([2, 0])); counts.add(np.array([1]))
    >>> counts.count_m.tolist(), counts.order(3).tolist()
    ([0.5, 1.0, 0.5], [1, 0, 2])
    """

    def __init__(self, half_life: float, items: int) -> None:
        self.half_life = half_life
        self.count_m: Doubles = np.zeros(items)

    def add(self, items_b: Longs) -> None:
        """Count the positives of one micro-batch."""
        self.count_m *= 0.5 ** (len(items_b) / self.half_life)
        np.add.at(self.count_m, items_b, 1.0)

    def order(self, n_items: int) -> Longs:
        """The first `n_items` items, most popular first; of equal ones the lower number."""
        return np.argsort(-self.count_m[:n_items], kind="stable")


class Popular:
    """What is popular by each half-life, for all arms that fall back on it; who asks first in a micro-batch sorts."""

    def __init__(self, items: int) -> None:
        self._counts = {half_life: DecayedCounts(half_life, items) for half_life in HALF_LIVES}
        self._orders: dict[int, dict[int, Longs]] = {}
        self._until = 0

    def orders(self, n_items: int) -> Mapping[int, Longs]:
        """The first `n_items` items by half-life, most popular first."""
        if n_items not in self._orders:
            self._orders = {n_items: {half_life: counts.order(n_items) for half_life, counts in self._counts.items()}}
        return self._orders[n_items]

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        """Count the positives of a micro-batch, once, however many arms say that it was learned from."""
        if end <= self._until:
            return
        taken = set_.item_n[start:end][set_.labels_nt[start:end, 0] > 0].astype(np.int64)
        for counts in self._counts.values():
            counts.add(taken)
        self._until, self._orders = end, {}


class Popularity:
    """The same answer for everybody, without what each has seen.

    Answers under one name a half-life: which is best is said in hindsight, so that the rival is as strong as it can be.
    """

    def __init__(self, popular: Popular) -> None:
        self.cost = Cost()
        self._popular = popular

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        """`popularity@…` by half-life in positives."""
        return popular_behind("popularity", questions.seen.cleared(), self._popular, moment, questions)

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        """Count the positives."""
        self._popular.learned(set_, start, end)


def popular_behind(name: str, first: Seen, popular: Popular, moment: Moment, questions: Questions) -> dict[str, Answer]:
    """`name@…` by half-life: some items of each user first, as `ranks_by_place` takes them, then the popular."""
    answers: dict[str, Answer] = {}
    for half_life, order in popular.orders(moment.n_items).items():
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(len(order))
        ranks = ranks_by_place(place, questions.target_q, questions.seen, first)
        tops = first_unseen(order, questions.seen, first, min(SHOWN, len(questions)))
        answers[f"{name}@{half_life}"] = Answer(ranks, tops, 0.0)
    return answers
