"""Hit rate, recall, NDCG and reciprocal rank of answers with one right item each."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from benchmarks.arms.base import MISSED, K
from pipeline.arrays import Doubles, Longs

CUTOFFS = (10, 50, 100)
HEADLINE = "hit@100"


def _gains() -> Mapping[str, Doubles]:
    ranks = np.arange(K)
    gains = {
        "hit": np.ones(K),
        "recall": np.ones(K),  # one relevant item a question: the same number by its other name
        "ndcg": 1 / np.log2(ranks + 2),
        "mrr": 1 / (ranks + 1.0),
    }
    return {
        f"{name}@{k}": np.append(np.where(ranks < k, gain, 0.0), 0.0) for name, gain in gains.items() for k in CUTOFFS
    }


GAINS = _gains()
"""Name -> what an answer is worth by the rank of its right item, (K + 1,): MISSED, -1, finds the last entry, 0."""


def histogram(ranks_q: npt.NDArray[np.integer]) -> Longs:
    """Answers by the rank of their right item, missed ones last, (K + 1,).

    Raises:
        ValueError: a rank is neither MISSED nor within 0..K-1.
    """
    if len(ranks_q) and not (ranks_q.min() >= MISSED and ranks_q.max() < K):
        raise ValueError(f"ranks {ranks_q.min()}..{ranks_q.max()}, expected {MISSED}..{K - 1}")
    counts: Longs = np.bincount(np.where(ranks_q == MISSED, K, ranks_q), minlength=K + 1)
    return counts


def mean_metrics(ranks_q: npt.NDArray[np.integer]) -> dict[str, float]:
    """Means of all metrics over answers; 0 without any.

    The ideal order puts the right item first, where its gain is 1, so DCG is NDCG.

    >>> means = mean_metrics(np.array([0, 2, 60, MISSED]))
    >>> means["hit@10"], means["hit@100"], means["ndcg@10"], round(means["mrr@10"], 4)
    (0.5, 0.75, 0.375, 0.3333)
    """
    counts, total = histogram(ranks_q), max(len(ranks_q), 1)
    return {name: float(gain @ counts / total) for name, gain in GAINS.items()}


def mean_metric(name: str, ranks_q: npt.NDArray[np.integer]) -> float:
    """Mean of one metric."""
    return float(GAINS[name] @ histogram(ranks_q) / max(len(ranks_q), 1))
