"""Comparing columns of numbers with single ones, exactly, be they floats or integers of 64 bits."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from pipeline.arrays import Bools, Doubles, Longs
from pipeline.native import native

EXACT: Final = 2**53
"""Up to here a float holds every integer; larger ones are rounded, some of them to this one."""
_FEW: Final = 8


class Bounds(NamedTuple):
    """All that are given must hold; of none that are, every number is within.

    >>> Bounds(gt=1, lte=2).hold(2), Bounds(gt=1, lte=2).hold(1)
    (True, False)
    """

    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None

    def hold(self, number: float) -> bool:
        """Whether a number is within them."""
        return (
            (self.gt is None or number > self.gt)
            and (self.gte is None or number >= self.gte)
            and (self.lt is None or number < self.lt)
            and (self.lte is None or number <= self.lte)
        )


def equal(number_n: Doubles, large_n: Longs | None, wanted: Sequence[float]) -> Bools:
    """Which numbers are one of these, (n,).

    Args:
        number_n: the numbers, rounded where they are larger than `EXACT`; NaN is none.
        large_n: exactly those that are larger, 0 for others; None when no number is.
        wanted: what they are compared with.
    """
    hits = np.zeros(len(number_n), np.bool_)
    exact = [float(one) for one in wanted if abs(one) < EXACT]
    if len(exact) > _FEW:
        _among(number_n, np.unique(exact), hits)
    else:
        for one in exact:
            hits |= number_n == one
    for one in wanted:
        if abs(one) >= EXACT:
            hits |= _exactly(number_n == float(one), large_n, one, np.equal)
    return hits


def within(number_n: Doubles, large_n: Longs | None, bounds: Bounds) -> Bools:
    """Which numbers are within bounds, (n,); arguments as those of `equal`."""
    least, most, large = -np.inf, np.inf, []
    for bound, step, rounded, compare in (
        (bounds.gt, np.inf, np.greater, np.greater),
        (bounds.gte, 0.0, np.greater, np.greater_equal),
        (bounds.lt, -np.inf, np.less, np.less),
        (bounds.lte, 0.0, np.less, np.less_equal),
    ):
        if bound is None:
            continue
        if abs(bound) >= EXACT:
            large.append((bound, rounded, compare))
        elif rounded is np.greater:
            least = max(least, _beside(bound, step))
        else:
            most = min(most, _beside(bound, step))
    hits = np.empty(len(number_n), np.bool_)
    _between(number_n, least, most, hits)
    for bound, rounded, compare in large:
        # Rounding never lets two numbers pass each other: only what is rounded to the same must be looked at.
        hits &= rounded(number_n, float(bound)) | _exactly(number_n == float(bound), large_n, bound, compare)
    return hits


def _beside(bound: float, step: float) -> float:
    """The bound, or the next number towards `step`, which turns "more than" into "at least"."""
    return float(np.nextafter(float(bound), step)) if step else float(bound)


@native
def _between(number_n: Doubles, least: float, most: float, hits_n: Bools) -> None:
    for i in range(number_n.size):
        hits_n[i] = (number_n[i] >= least) & (number_n[i] <= most)


@native
def _among(number_n: Doubles, ordered_m: Doubles, hits_n: Bools) -> None:
    for i in range(number_n.size):
        low, high = 0, ordered_m.size - 1
        while low < high:
            middle = (low + high) // 2
            if ordered_m[middle] < number_n[i]:
                low = middle + 1
            else:
                high = middle
        hits_n[i] = ordered_m[low] == number_n[i]


def _exactly(tied_n: Bools, large_n: Longs | None, bound: float, compare: Callable[..., Bools]) -> Bools:
    """Of numbers that are rounded to the same as a bound, those for which the comparison holds."""
    if large_n is None:
        return tied_n & bool(compare(_whole(float(bound)), _whole(bound)))
    large = large_n != 0
    plain = tied_n & ~large & bool(compare(_whole(float(bound)), _whole(bound)))
    hits: Bools = plain | (tied_n & large & compare(large_n, _whole(bound)))
    return hits


def _whole(number: float) -> int:
    """Numbers beyond `EXACT` are whole."""
    return int(number)
