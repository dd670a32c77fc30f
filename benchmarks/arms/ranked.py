"""Streaming VQ's candidates, ranked by the model's ranker instead of the vectors of the index."""

from collections.abc import Mapping

import numpy as np

from benchmarks.arms.base import Answer, Cost, Moment, Questions
from benchmarks.arms.exact import blocks
from benchmarks.arms.svq import SHARES, StreamingVQ, budget
from benchmarks.interactions import Interactions
from benchmarks.ranks import SHOWN, best_of, ranks_within
from pipeline.arrays import Floats, Ints
from pipeline.model import ItemVectors

SHARE = "10%"


class Ranked:
    """The same candidates twice: ranked as `svq@10%` does, and by the ranker."""

    def __init__(self) -> None:
        self.cost = Cost()
        self._index = StreamingVQ()

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        """`by index` and `by ranker`."""
        most = budget(SHARES[SHARE], moment.n_items)
        clusters, ranking = self._index.follow(moment), _Ranking(moment, questions)
        ranks = {name: np.empty(len(questions), np.int32) for name in ("by index", "by ranker")}
        tops: dict[str, Ints] = {}
        for begin, end in blocks(len(questions), most):
            block = slice(begin, end)
            merged = self._index.merged(clusters, questions, block, most)
            rows = moment.scorer.own.block(begin, end).first(merged, moment.n_items)
            scores = {"by index": moment.scorer.of(begin, rows), "by ranker": ranking.of(begin, rows)}
            for name, of_rows in scores.items():
                ranks[name][block] = ranks_within(rows, of_rows, questions.target_q[block], most)
                if begin == 0:
                    tops[name] = best_of(rows[:SHOWN], of_rows[:SHOWN])
        return {name: Answer(rank_q, tops[name], float(most)) for name, rank_q in ranks.items()}

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        """Nothing to do: the ranker learns with the towers."""


class _Ranking:
    """The ranker's view of all items known and of the users asked about."""

    def __init__(self, moment: Moment, questions: Questions) -> None:
        model, set_, items = moment.learner.model, moment.set, range(moment.n_items)
        self._model, self._moment = model, moment
        self._users = model.rank_users(questions.users)
        self._items = model.rank_items([set_.items[item] for item in items], [set_.features_of_item(i) for i in items])

    def of(self, begin: int, rows_qm: Ints) -> Floats:
        """Scores of the primary task, (Q, M); of rows below 0, which are none, -inf."""
        moment = self._moment
        own = moment.scorer.own.block(begin, begin + len(rows_qm))
        scores = np.full(rows_qm.shape, -np.inf, np.float32)
        for q, rows in enumerate(rows_qm):
            kept = rows >= 0
            chosen = rows[kept]
            items = ItemVectors(self._items.v_nd[chosen], self._items.bias_nt[chosen])
            found = self._model.scores(self._users[begin + q], items, moment.log_share_n[chosen])[0]
            bonus = np.zeros(moment.n_items, np.float32)
            slots = slice(own.begin_q[q], own.end_q[q])
            known = own.items_s[slots] < moment.n_items
            bonus[own.items_s[slots][known]] = own.bonus_s[slots][known]
            scores[q, kept] = found + bonus[chosen]
        return scores
