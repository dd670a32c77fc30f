"""The ranking step: candidates by the ranker of the model."""

from typing import NamedTuple

import numpy as np

from pipeline.arrays import Doubles, Floats, Longs
from pipeline.popularity import log_share
from serving.repeats import Own
from serving.replica import Replica


class Ranked(NamedTuple):
    """Scores of the candidates and what they consist of; the match is the rest."""

    scores_tn: Floats
    bias_tn: Floats
    prior_n: Doubles
    repeat_tn: Floats

    @property
    def match_tn(self) -> Doubles:
        """What user and item have to do with each other: u·v, and a ranker's correction; (T, n)."""
        return self.scores_tn - self.bias_tn - self.prior_n - self.repeat_tn


def rank(replica: Replica, user: Floats, rows_n: Longs, own: Own) -> Ranked:
    """Score slots for one user, with vectors of the version in force; before there is one, by what their rows say."""
    repeat_tn = own.added(rows_n)
    items, model, vectors = replica.items, replica.model, replica.vectors
    counts_n = items.popularity(rows_n)
    if model is None or vectors is None:
        prior_n = items.order.gamma * counts_n
        bias_tn = items.index.bias(rows_n, items.order.n_tasks).T
        return Ranked((bias_tn + prior_n).astype(np.float32), bias_tn, prior_n, repeat_tn)
    share_n = log_share(counts_n, model.log_mass_h[model.active_half_life])
    known = vectors.of(rows_n)
    scores_tn = model.scores(user, known, share_n) + repeat_tn
    return Ranked(scores_tn, known.bias_nt.T, model.config.gamma * share_n, repeat_tn)


def best(scores_n: Doubles, k: int) -> Longs:
    """Positions of the k largest, best first; of equal ones the first.

    >>> best(np.array([1.0, 3.0, 2.0, 3.0]), 3).tolist()
    [1, 3, 2]
    """
    if k < len(scores_n):
        # Everything that ties with the k-th largest stays in, so that the sort decides and not the partition.
        threshold = np.partition(scores_n, len(scores_n) - k)[len(scores_n) - k]
        kept = np.flatnonzero(scores_n >= threshold)
    else:
        kept = np.arange(len(scores_n))
    return kept[np.argsort(-scores_n[kept], kind="stable")][:k]
