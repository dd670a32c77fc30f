"""Streaming VQ: clusters scored, their lists merged, the first candidates scored again by the item vectors."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from benchmarks.arms.base import Answer, Cost, Moment, Questions, ReadsArrays
from benchmarks.arms.exact import blocks
from benchmarks.interactions import Interactions
from benchmarks.ranks import SHOWN, best_of, places_in_order, ranks_within
from pipeline.arrays import Doubles, Floats, Ints
from pipeline.merge import chunk_for, merge_many
from pipeline.postings import Postings

SHARES: Final = {"0.5%": 0.005, "1%": 0.01, "2%": 0.02, "5%": 0.05, "10%": 0.1}
FEWEST: Final = 200
MANY: Final = 0.125
"""Of more keys than this share it takes less time to sort all lists than to move each to its place."""


class StreamingVQ(ReadsArrays):
    """The index as it serves: posting lists that follow every refresh, one merge a question.

    Smaller budgets are prefixes of the largest: that is what the merge puts out first. Of every budget, items that the
    user has taken before and is likely to take again come first; before there is a score they are known by name.
    """

    def __init__(self) -> None:
        self.cost = Cost()
        self._postings = Postings(0, 1)

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        """`svq@…` by share of items scored, `svq` as the widest, `svq-merge@10%` in the order of the merge."""
        clusters = self.follow(moment)
        budgets = {name: budget(share, moment.n_items) for name, share in SHARES.items()}
        most = max(budgets.values())
        ranks = {name: np.empty(len(questions), np.int32) for name in (*budgets, "merge")}
        tops: dict[str, Ints] = {}
        for begin, end in blocks(len(questions), most):
            block = slice(begin, end)
            targets = questions.target_q[block]
            rows = self.merged(clusters, questions, block, most)
            ranked = moment.scorer.own.block(begin, end).first(rows, moment.n_items)
            scores = moment.scorer.of(begin, ranked)
            for name, size in budgets.items():
                ranks[name][block] = ranks_within(ranked, scores, targets, size)
            ranks["merge"][block] = places_in_order(rows, targets, most)
            if begin == 0:
                tops = {name: _shown(ranked, scores, size) for name, size in budgets.items()} | {"merge": _order(rows)}
        codes = len(moment.codes_kd)  # scored before any item is: they count like IVF's centroids
        answers = {f"svq@{name}": Answer(ranks[name], tops[name], float(codes + n)) for name, n in budgets.items()}
        merged = Answer(ranks["merge"], tops["merge"], float(codes))
        return {"svq": answers["svq@10%"], **answers, "svq-merge@10%": merged}

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        """Nothing to do: placements and popularity come with the next moment."""

    def merged(self, clusters: Floats, questions: Questions, block: slice, most: int) -> Ints:
        """Candidates of a block of questions in the order of the merge, (Q, most); -1 where there are fewer."""
        seen = questions.seen
        rows: Ints = merge_many(
            self._postings, clusters[block], 0, most, chunk_for(most),
            excluded_s=seen.items_s, begin_q=seen.begin_q[block], end_q=seen.end_q[block],
        )  # fmt: skip
        return rows

    def follow(self, moment: Moment) -> Floats:
        """File what moved since the last moment; returns the scores of all lists, (Q, 1 + K)."""
        self._file(moment)
        return self._cluster_scores(moment)

    def _file(self, moment: Moment) -> None:
        """Bring the posting lists up to date: with a full micro-batch most keys move a little, with a short one few."""
        gamma = moment.learner.config.gamma
        keys: Doubles = (moment.vectors.bias_nt[:, 0] + gamma * moment.log_counts_n)[:, None]
        postings, held = self._postings, np.full((moment.n_items, 1), np.nan)
        postings.grow(len(moment.codes_kd))
        filed = postings.cluster_n[: moment.n_items]
        held[: len(filed)] = postings.key_nt[: moment.n_items]
        moved = np.append(moment.clusters_n[: len(filed)] != filed, np.ones(moment.n_items - len(filed), np.bool_))
        changed = moved | (keys != held)[:, 0]
        many = changed.sum() > MANY * moment.n_items
        rows = np.flatnonzero(moved if many else changed)
        postings.update(rows, moment.clusters_n[rows], keys[rows])
        if many:
            postings.set_keys_all(keys)

    def _cluster_scores(self, moment: Moment) -> Floats:
        """u·e a list, the unfiled first: items without a code count like the best cluster, as in serving."""
        coarse = moment.u_qd @ moment.codes_kd.T
        best = coarse.max(axis=1, initial=0.0 if not coarse.shape[1] else -np.inf)
        return np.column_stack((best, coarse))


def budget(share: float, items: int) -> int:
    """Items scored at a share of the catalogue: never fewer than 200, where there are as many."""
    return min(max(FEWEST, round(share * items)), items)


def _shown(rows_qm: Ints, scores_qm: Floats, size: int) -> Ints:
    return best_of(rows_qm[:SHOWN, :size], scores_qm[:SHOWN, :size])


def _order(rows_qm: Ints) -> Ints:
    rows = rows_qm[:SHOWN]
    falling = -np.arange(rows.shape[1], dtype=np.float32)
    return best_of(rows, np.broadcast_to(falling, rows.shape))
