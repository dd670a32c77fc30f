"""Comparing columns of numbers with single ones, exactly, be they floats or integers of 64 bits."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from pipeline.arrays import Bools, Doubles, Longs

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
        hits |= np.isin(number_n, np.array(exact))
    else:
        for one in exact:
            hits |= number_n == one
    for one in wanted:
        if abs(one) >= EXACT:
            hits |= _exactly(number_n == float(one), large_n, one, np.equal)
    return hits


def within(number_n: Doubles, large_n: Longs | None, bounds: Bounds) -> Bools:
    """Which numbers are within bounds, (n,); arguments as those of `equal`."""
    hits = ~np.isnan(number_n)
    for bound, rounded, compare in (
        (bounds.gt, np.greater, np.greater),
        (bounds.gte, np.greater, np.greater_equal),
        (bounds.lt, np.less, np.less),
        (bounds.lte, np.less, np.less_equal),
    ):
        if bound is None:
            continue
        if abs(bound) < EXACT:
            hits &= compare(number_n, float(bound))
        else:
            # Rounding never lets two numbers pass each other: only what is rounded to the same must be looked at.
            hits &= rounded(number_n, float(bound)) | _exactly(number_n == float(bound), large_n, bound, compare)
    return hits


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
