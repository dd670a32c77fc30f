"""Answers under quotas: the best that fit, and more candidates where those of the index are too much alike."""

from typing import Final, NamedTuple

import numpy as np

from pipeline.arrays import Floats, Longs
from serving.allowed import Allowed
from serving.candidates import all_items, best_among
from serving.pool import Pool
from serving.quotas import Quotas
from serving.ranking import rank
from serving.repeats import Own
from serving.replica import Replica
from serving.users import User

WIDEST: Final = 32_768
"""Items among which further candidates are looked for at a time."""


class Further(NamedTuple):
    """Where more candidates come from; `n` at a time at most."""

    replica: Replica
    user: User
    own: Own
    coarse_tk: Floats
    allowed: Allowed
    n: int

    def rows(self) -> Longs:
        """Everything that may come out."""
        return all_items(self.replica.items, self.allowed).rows_n

    def pool(self, rows_m: Longs, quotas: Quotas, pool: Pool) -> Pool:
        """The best by the index of these rows, of each kind a few, ranked."""
        items = self.replica.items
        best = best_among(items, self.coarse_tk, pool.weights_t, rows_m, WIDEST)
        kept = np.isin(best.rows_n, quotas.spread(best.rows_n)[: self.n])
        candidates = best._replace(rows_n=best.rows_n[kept], merged_m=best.merged_m[kept], coarse_m=best.coarse_m[kept])
        return Pool(candidates, rank(self.replica, self.user.ranking, candidates.rows_n, self.own), pool.weights_t)


def with_variety(pool: Pool, quotas: Quotas, k: int, further: Further) -> tuple[Pool, Longs]:
    """The pool with whatever was ranked beside it, and the places of the k best that fit, best first.

    Of what was ranked and does not fit, nothing ever fits later, for kinds only fill up. So what is looked at next is
    what was not ranked and is of no full kind; its first item fits, and every round brings the answer nearer to its k.
    """
    order = np.argsort(-pool.scores_n, kind="stable")
    chosen = order[quotas.take(pool.candidates.rows_n[order].tolist(), k)]
    left = further.rows() if len(chosen) < k else chosen[:0]
    left = left[~np.isin(left, pool.candidates.rows_n)]
    while len(chosen) < k:
        left = quotas.open(left)
        if not len(left):
            break
        more = further.pool(left, quotas, pool)
        order = np.argsort(-more.scores_n, kind="stable")
        taken = order[quotas.take(more.candidates.rows_n[order].tolist(), k - len(chosen))]
        chosen = np.concatenate([chosen, taken + len(pool.candidates.rows_n)])
        pool = pool.joined(more)
        left = left[~np.isin(left, more.candidates.rows_n)]
    return pool, chosen[np.argsort(-pool.scores_n[chosen], kind="stable")]
