"""Intervals of means: over users for one run, over users and seeds for several."""

import math
from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Doubles, Longs

LEVEL = 0.95
DRAWS = 1000
FEWEST_DRAWS = 100
USERS_DRAWN = 50_000_000  # over all draws: an interval must not take longer than what it is an interval of
# 97.5 % quantiles of Student's t by degrees of freedom, from 1; beyond, Cornish and Fisher's expansion is exact enough.
_T = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139)
_NORMAL = 1.959964


def bootstrap(sums_um: Doubles, questions_u: Longs, seed: int = 0) -> Doubles:
    """Percentile intervals of means over questions when users are drawn anew, (M, 2); arguments as of `drawn_means`."""
    if not len(questions_u):
        return np.zeros((sums_um.shape[1], 2))
    return percentiles(drawn_means(sums_um, questions_u, seed))


def drawn_means(sums_um: Doubles, questions_u: Longs, seed: int = 0) -> Doubles:
    """Means over questions for each of R times that users are drawn anew, (R, M); there must be a user.

    Questions of one user depend on each other, so users are what is drawn, each with all of its questions.

    Args:
        sums_um: sums of M values over each user's questions.
        questions_u: how many each has asked.
        seed: of the draws.
    """
    users, rng = len(questions_u), np.random.default_rng(seed)
    draws = min(DRAWS, max(FEWEST_DRAWS, USERS_DRAWN // users))
    means_rm = np.empty((draws, sums_um.shape[1]))
    for draw in range(draws):
        times_u = np.bincount(rng.integers(users, size=users), minlength=users)
        means_rm[draw] = times_u @ sums_um / (times_u @ questions_u)
    return means_rm


def percentiles(values_rm: Doubles) -> Doubles:
    """The middle 95 % of each column, (M, 2)."""
    tail = 50 * (1 - LEVEL)
    bounds: Doubles = np.percentile(values_rm, [tail, 100 - tail], axis=0).T
    return bounds


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """Student's interval of the mean of independent runs; of a single one, the value itself twice.

    >>> low, high = t_interval([0.50, 0.52, 0.51])
    >>> round(low, 4), round(high, 4)
    (0.4852, 0.5348)
    """
    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return mean, mean
    half = _quantile(n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return mean - half, mean + half


def over_seeds(values: Sequence[float], intervals: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Interval of the mean of several runs over the same users, which differ by their seed.

    Seeds are drawn for each run, users once for all: runs average out the former only. So the half widths of Student's
    interval over the seeds and of the runs' own intervals over users, on average, add up as squares. What does not
    depend on a seed keeps its interval over users.

    Args:
        values: of the runs.
        intervals: (low, high) of each over users.

    >>> [round(bound, 6) for bound in over_seeds([0.5, 0.5], [(0.4, 0.6), (0.4, 0.7)])]
    [0.4, 0.65]
    """
    mean, (low, high) = float(np.mean(values)), t_interval(values)
    below, above = (abs(float(np.mean(np.subtract(bounds, values)))) for bounds in zip(*intervals, strict=True))
    return mean - math.hypot(mean - low, below), mean + math.hypot(high - mean, above)


def _quantile(freedom: int) -> float:
    if freedom <= len(_T):
        return _T[freedom - 1]
    z = _NORMAL
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
