"""Candidates that were ranked."""

from typing import NamedTuple

import numpy as np

from pipeline.arrays import Doubles
from serving.candidates import Candidates
from serving.ranking import Ranked


class Pool(NamedTuple):
    """Candidates, what the ranker says of them, and what each task counts, (T,)."""

    candidates: Candidates
    ranked: Ranked
    weights_t: Doubles

    @property
    def scores_n(self) -> Doubles:
        """By which they are ordered, (n,)."""
        scores: Doubles = self.weights_t @ self.ranked.scores_tn
        return scores

    def joined(self, other: "Pool") -> "Pool":
        """Both, as if they had been ranked at once; they have no candidate in common."""
        rows, more = self.candidates, other.candidates
        return Pool(
            Candidates(
                np.concatenate([rows.rows_n, more.rows_n]),
                np.concatenate([rows.merged_m, more.merged_m]),
                np.concatenate([rows.coarse_m, more.coarse_m]),
            ),
            Ranked(
                np.concatenate([self.ranked.scores_tn, other.ranked.scores_tn], axis=1),
                np.concatenate([self.ranked.bias_tn, other.ranked.bias_tn], axis=1),
                np.concatenate([self.ranked.prior_n, other.ranked.prior_n]),
                np.concatenate([self.ranked.repeat_tn, other.ranked.repeat_tn], axis=1),
            ),
            self.weights_t,
        )
