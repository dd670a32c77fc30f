"""Metrics against scikit-learn, and by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score, top_k_accuracy_score

from benchmarks.arms.base import MISSED, K
from benchmarks.metrics import CUTOFFS, histogram, mean_metric, mean_metrics

QUESTIONS, ITEMS = 300, 400


@pytest.fixture(scope="module")
def scores_qn() -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.permuted(np.tile(np.arange(ITEMS, dtype=np.float64), (QUESTIONS, 1)), axis=1)


@pytest.fixture(scope="module")
def targets_q(scores_qn: np.ndarray) -> np.ndarray:
    """Mostly near the top, so that every cut-off divides them."""
    rng = np.random.default_rng(4)
    order = np.argsort(-scores_qn, axis=1)
    return order[np.arange(QUESTIONS), np.minimum(rng.exponential(40, QUESTIONS).astype(int), ITEMS - 1)]


@pytest.fixture(scope="module")
def ranks_q(scores_qn: np.ndarray, targets_q: np.ndarray) -> np.ndarray:
    ranks = (scores_qn > scores_qn[np.arange(QUESTIONS), targets_q][:, None]).sum(axis=1)
    return np.where(ranks < K, ranks, MISSED)


@pytest.mark.parametrize("k", CUTOFFS)
def test_hit_and_recall_are_top_k_accuracy(
    k: int, scores_qn: np.ndarray, targets_q: np.ndarray, ranks_q: np.ndarray
) -> None:
    expected = top_k_accuracy_score(targets_q, scores_qn, k=k, labels=np.arange(ITEMS))
    assert 0.1 < expected < 1
    assert mean_metrics(ranks_q)[f"hit@{k}"] == mean_metrics(ranks_q)[f"recall@{k}"] == pytest.approx(expected)


@pytest.mark.parametrize("k", CUTOFFS)
def test_ndcg(k: int, scores_qn: np.ndarray, targets_q: np.ndarray, ranks_q: np.ndarray) -> None:
    expected = ndcg_score(np.eye(ITEMS)[targets_q], scores_qn, k=k)
    assert mean_metrics(ranks_q)[f"ndcg@{k}"] == pytest.approx(expected)


@pytest.mark.parametrize("k", CUTOFFS)
def test_mrr_is_average_precision_of_what_was_found(
    k: int, scores_qn: np.ndarray, targets_q: np.ndarray, ranks_q: np.ndarray
) -> None:
    found = (ranks_q >= 0) & (ranks_q < k)
    relevant = np.eye(ITEMS)[targets_q[found]]
    expected = label_ranking_average_precision_score(relevant, scores_qn[found]) * found.mean()
    assert mean_metrics(ranks_q)[f"mrr@{k}"] == pytest.approx(expected)


def test_by_hand() -> None:
    means = mean_metrics(np.array([0, 9, 10, 99, MISSED], np.int16))
    assert means["hit@10"] == 2 / 5
    assert means["hit@50"] == 3 / 5
    assert means["hit@100"] == 4 / 5
    assert means["mrr@10"] == pytest.approx((1 + 1 / 10) / 5)
    assert means["ndcg@50"] == pytest.approx((1 + 1 / math.log2(11) + 1 / math.log2(12)) / 5)
    assert means["ndcg@100"] - means["ndcg@50"] == pytest.approx(1 / math.log2(101) / 5)


def test_nothing_asked() -> None:
    assert set(mean_metrics(np.zeros(0, np.int16)).values()) == {0.0}
    assert mean_metric("hit@10", np.zeros(0, np.int16)) == 0.0


def test_one_metric_is_the_same_as_among_all(ranks_q: np.ndarray) -> None:
    for name, value in mean_metrics(ranks_q).items():
        assert mean_metric(name, ranks_q) == pytest.approx(value)


@pytest.mark.parametrize("rank", [-2, K])
def test_ranks_out_of_range(rank: int) -> None:
    with pytest.raises(ValueError, match="ranks"):
        histogram(np.array([0, rank]))
