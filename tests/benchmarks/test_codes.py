"""Statistics of the codebook against what is known of them."""

import numpy as np
import pytest

from benchmarks.codes import CodeStatistics, plane


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_balance_at_the_end() -> None:
    codes = np.eye(4, dtype=np.float32)
    summary = CodeStatistics(10).summary(codes, ints(0, 0, 0, 1, 1, 3, -1), ints(9, 0, 0, 1, 0, 10, 500))
    assert summary["total"] == 4
    assert summary["used"] == 3
    assert summary["sizes"] == [3, 2, 0, 1]
    assert summary["largest_over_mean"] == pytest.approx(3 / (6 / 4))
    shares = np.array([3, 2, 1]) / 6
    assert summary["perplexity_items"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    shares = np.array([9, 1, 10]) / 20
    assert summary["perplexity_exposures"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    assert summary["gini_items"] == pytest.approx((np.array([-3, -1, 1, 3]) @ [0, 1, 2, 3]) / (4 * 6))
    assert [entry[2:] for entry in summary["map"]] == [[3, 9.0], [2, 1.0], [0, 0.0], [1, 10.0]]


def test_churn_is_the_share_of_items_refiled_each_ten_thousand_events() -> None:
    statistics = CodeStatistics(100_000)
    statistics.refreshed(ints(-1, -1), ints(-1, -1), event=0)  # nothing is filed: the clock does not run yet
    statistics.refreshed(ints(-1, -1, -1), ints(0, 1, 1), event=40_000)  # filed for the first time: not moved
    statistics.refreshed(ints(0, 1, 1), ints(1, 1, 1), event=50_000)
    statistics.refreshed(ints(1, 1, 1, -1), ints(2, 0, 1, 1), event=60_000)
    summary = statistics.summary(np.zeros((3, 2), np.float32), ints(2, 0, 1, 1), ints(1, 1, 1, 1))
    assert summary["churn"] == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert summary["misplaced"] == pytest.approx(3 / 6)


def test_misplaced_counts_only_the_items_checked() -> None:
    statistics = CodeStatistics(10)
    statistics.refreshed(ints(0, 0, 0, 0), ints(1, 1, 0, 0), event=1, checked=[1, 2, 3])
    assert statistics.summary(None, ints(), ints())["misplaced"] == pytest.approx(1 / 3)


def test_a_codebook_that_never_started() -> None:
    statistics = CodeStatistics(10)
    statistics.refreshed(ints(-1), ints(-1), event=3)
    summary = statistics.summary(None, ints(-1), ints(4))
    assert summary["total"] == summary["used"] == summary["churn"] == summary["misplaced"] == 0
    assert summary["sizes"] == summary["map"] == summary["over_time"] == []


def test_balance_over_time_is_noted_once_a_window() -> None:
    statistics = CodeStatistics(200)
    for event in range(0, 200, 4):
        statistics.refreshed(ints(0, 1), ints(0, 1), event)
    windows = statistics.summary(np.eye(2, dtype=np.float32), ints(0, 1), ints(1, 1))["over_time"]
    assert [entry["event"] for entry in windows] == [-(-window * 10 // 4) * 4 for window in range(20)]
    assert [entry["perplexity_items"] for entry in windows] == pytest.approx([2.0] * 20)


def test_the_map_keeps_what_it_can_of_the_distances() -> None:
    rng = np.random.default_rng(0)
    flat = np.zeros((30, 8), np.float32)
    flat[:, 2], flat[:, 5] = rng.normal(size=30), 3 * rng.normal(size=30)
    turned = flat @ np.linalg.qr(rng.normal(size=(8, 8)))[0].astype(np.float32)
    placed = plane(turned)
    expected = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    assert np.linalg.norm(placed[:, None] - placed[None], axis=2) == pytest.approx(expected, abs=1e-4)
    assert placed[:, 0].var() > placed[:, 1].var()


def test_the_map_does_not_flip() -> None:
    codes = np.random.default_rng(1).normal(size=(20, 6)).astype(np.float32)
    order = np.random.default_rng(2).permutation(20)
    assert plane(codes[order]) == pytest.approx(plane(codes)[order])
    assert plane(codes[:1]).tolist() == [[0, 0]]
    assert plane(codes[:, :1]).shape == (20, 2)
