"""Intervals against what is known of them."""

import numpy as np
import pytest
from scipy.stats import t as student

from benchmarks.confidence import bootstrap, t_interval


@pytest.mark.parametrize("n", [2, 3, 5, 11, 12, 20, 60])
def test_t_interval_is_students(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    expected = student.interval(0.95, n - 1, values.mean(), values.std(ddof=1) / np.sqrt(n))
    assert t_interval(values.tolist()) == pytest.approx(expected, rel=1e-4)


def test_t_interval_of_one_run_says_nothing_of_its_width() -> None:
    assert t_interval([0.4]) == (0.4, 0.4)


def test_bootstrap_covers_the_mean_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(0), 0
    for _ in range(100):
        questions = rng.integers(1, 9, size=100)
        sums = rng.binomial(questions, 0.3).astype(np.float64)
        low, high = bootstrap(sums[:, None], questions, seed=1)[0]
        covered += low <= 0.3 <= high
    assert 0.90 <= covered / 100 <= 0.99


def test_questions_of_one_user_count_as_one_draw() -> None:
    """Ten users who answer alike a hundred times each are no more than ten users."""
    few = np.array([1.0, 0, 1, 0, 1, 0, 1, 0, 1, 0])
    wide = bootstrap(100 * few[:, None], np.full(10, 100))[0]
    independent = bootstrap(np.tile(few, 100)[:, None], np.ones(1000, np.int64))[0]
    assert wide[1] - wide[0] > 5 * (independent[1] - independent[0])


def test_the_same_users_are_drawn_for_every_column() -> None:
    rng = np.random.default_rng(5)
    sums = rng.random((50, 1))
    bounds = bootstrap(np.hstack((sums, 2 * sums)), np.ones(50, np.int64))
    assert bounds[1] == pytest.approx(2 * bounds[0])
    assert bounds.tolist() == bootstrap(np.hstack((sums, 2 * sums)), np.ones(50, np.int64)).tolist()


def test_no_user_and_one_user() -> None:
    assert bootstrap(np.zeros((0, 2)), np.zeros(0, np.int64)).tolist() == [[0, 0], [0, 0]]
    assert bootstrap(np.array([[3.0]]), np.array([4])).tolist() == [[0.75, 0.75]]
