"""Batches between an item's exposures, δ (Yi et al. 2019, algorithm 3), exact and with hashed arrays."""

import hashlib
from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Doubles, Longs


def next_interval(interval_n: Doubles, last_n: Doubles, now: float, rate: float, longest: float) -> Doubles:
    """δ ← (1 - rate) δ + rate (now - last), clipped to 1..longest.

    Args:
        interval_n: δ before, in batches.
        last_n: time of the last exposure, in batches.
        now: the present time, in batches.
        rate: step size.
        longest: largest value; one item that comes back after long then does not outweigh all others.
    """
    return np.clip((1 - rate) * interval_n + rate * (now - last_n), 1.0, longest)


class ExactIntervals:
    """δ by row number, without collisions. Columns of `state`: last exposure (NaN: never), δ.

    Several exposures in one batch count once. Read after the update.
    """

    def __init__(self, rate: float, longest: float) -> None:
        self.rate = rate
        self.longest = longest

    def update(self, state_n2: Doubles, now: float, first: float) -> Doubles:
        """State of the distinct items of one batch after it.

        Args:
            state_n2: their state before.
            now: time in batches.
            first: δ of an item at its first sight.
        """
        last_n, interval_n = state_n2[:, 0], state_n2[:, 1]
        start = min(max(first, 1.0), self.longest)
        known_n = next_interval(interval_n, last_n, now, self.rate, self.longest)
        updated_n = np.where(np.isnan(last_n), start, known_n)
        return np.stack((np.full_like(last_n, now), updated_n), axis=1)


class HashedIntervals:
    """δ in bounded memory: `hashes` arrays of `size` cells; collisions only shorten, so the largest estimate counts.

    >>> intervals = HashedIntervals(hashes=2, size=100, rate=0.5, first=10.0)
    >>> intervals.update(["a"], now=4.0).tolist()
    [7.0]
    """

    def __init__(self, hashes: int, size: int, rate: float, first: float, longest: float = 1e5) -> None:
        self.rate = rate
        self.longest = longest
        self._last: Doubles = np.zeros((hashes, size))
        self._interval: Doubles = np.full((hashes, size), first)

    def update(self, names: Sequence[str], now: float) -> Doubles:
        """Count one exposure of each distinct id at `now` (batches); returns δ after it, (n,)."""
        distinct, inverse = np.unique(np.array(names), return_inverse=True)
        cells_mn = self._cells(distinct.tolist())
        for cells_n, last, interval in zip(cells_mn, self._last, self._interval, strict=True):
            interval[cells_n] = next_interval(interval[cells_n], last[cells_n], now, self.rate, self.longest)
            last[cells_n] = now
        return self._read(cells_mn)[inverse]

    def read(self, names: Sequence[str]) -> Doubles:
        """δ of these ids, (n,)."""
        return self._read(self._cells(names))

    def _read(self, cells_mn: Longs) -> Doubles:
        estimates: Doubles = np.take_along_axis(self._interval, cells_mn, axis=1).max(axis=0)
        return estimates

    def _cells(self, names: Sequence[str]) -> Longs:
        hashes, size = self._last.shape
        cells = np.empty((hashes, len(names)), np.int64)
        for array in range(hashes):
            salt = array.to_bytes(8, "little")
            for position, name in enumerate(names):
                digest = hashlib.blake2b(name.encode(), digest_size=8, salt=salt).digest()
                cells[array, position] = int.from_bytes(digest, "little") % size
        return cells
