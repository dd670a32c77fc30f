"""The latest samples of several numbers, in a fixed amount of memory."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from pipeline.arrays import Doubles, Longs

UNKNOWN: Final = math.nan


class Ring:
    """Rows of numbers by time; the oldest make room.

    >>> ring = Ring(["a"], capacity=2)
    >>> for time in (1, 2, 3):
    ...     ring.add(time, {"a": time / 2})
    >>> ring.times().tolist(), ring.column("a").tolist()
    ([2, 3], [1.0, 1.5])
    """

    def __init__(self, columns: Sequence[str], capacity: int) -> None:
        self._places = {name: place for place, name in enumerate(columns)}
        self._times: Longs = np.zeros(capacity, np.int64)
        self._rows: Doubles = np.full((capacity, len(columns)), UNKNOWN)
        self._added = 0

    def add(self, time_ms: int, values: Mapping[str, float | None]) -> None:
        """One row; what it does not say is unknown."""
        place = self._added % len(self._times)
        self._times[place] = time_ms
        self._rows[place] = UNKNOWN
        for name, value in values.items():
            if value is not None:
                self._rows[place, self._places[name]] = value
        self._added += 1

    def times(self) -> Longs:
        """Of the rows, oldest first."""
        return self._times[self._order()]

    def column(self, name: str) -> Doubles:
        """One column, oldest first."""
        column: Doubles = self._rows[self._order(), self._places[name]]
        return column

    def _order(self) -> Longs:
        capacity = len(self._times)
        kept = min(self._added, capacity)
        return np.arange(self._added - kept, self._added) % capacity
