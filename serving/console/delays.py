"""How long things took lately, in a fixed amount of memory."""

from typing import Final

import numpy as np

from pipeline.arrays import Doubles, Longs
from schemas.http_console import Delays

UP_TO_S: Final = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
SLICE_S: Final = 15.0
SLICES: Final = 20


class RecentDelays:
    """Counts by size over the last `SLICES` slices of time.

    >>> delays = RecentDelays("demo")
    >>> delays.add(np.array([0.004, 0.03, 0.03, 900.0]), now=100.0)
    >>> seen = delays.seen(now=100.0)
    >>> seen.counts[:4], seen.counts[-1], seen.total, seen.p50_s
    ([1, 0, 0, 2], 1, 4, 0.035)
    >>> delays.seen(now=100.0 + 301).total
    0
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._counts_sb: Longs = np.zeros((SLICES, len(UP_TO_S) + 1), np.int64)
        self._slice = 0

    def add(self, seconds_n: Doubles, now: float) -> None:
        """Count delays; `now` in seconds of a clock that never goes back."""
        self._turn(now)
        bins = np.searchsorted(UP_TO_S, seconds_n)
        self._counts_sb[self._slice % SLICES] += np.bincount(bins, minlength=len(UP_TO_S) + 1)

    def seen(self, now: float) -> Delays:
        """What was counted lately."""
        self._turn(now)
        counts_b = self._counts_sb.sum(axis=0)
        return Delays(
            self._what,
            SLICES * SLICE_S,
            list(UP_TO_S),
            counts_b.tolist(),
            int(counts_b.sum()),
            _quantile(counts_b, 0.5),
            _quantile(counts_b, 0.99),
        )

    def _turn(self, now: float) -> None:
        slice_now = int(now / SLICE_S)
        for number in range(max(self._slice + 1, slice_now - SLICES + 1), slice_now + 1):
            self._counts_sb[number % SLICES] = 0
        self._slice = max(self._slice, slice_now)


def _quantile(counts_b: Longs, share: float) -> float | None:
    """The bound below which so many lie; the largest one for those beyond all."""
    total = int(counts_b.sum())
    if not total:
        return None
    place = int(np.searchsorted(counts_b.cumsum(), share * total))
    return UP_TO_S[min(place, len(UP_TO_S) - 1)]
