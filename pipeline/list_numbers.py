"""The numbers inside lists, in one array, so that bounds are tested on all of them at once."""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Doubles, Ints, Longs
from pipeline.ids import grown
from pipeline.number_bounds import EXACT, Bounds, within


class ListNumbers:
    """Numbers by the entry that holds them; places of what is removed are used again.

    >>> numbers = ListNumbers()
    >>> numbers.put(3, [1, 2]); numbers.put(5, [9.5])
    >>> numbers.within(Bounds(gt=1.5)).tolist()
    [3, 5]
    >>> numbers.remove(3); numbers.within(Bounds(gt=1.5)).tolist()
    [5]
    """

    def __init__(self) -> None:
        self._number_p: Doubles = np.zeros(0)
        self._large_p: Longs = np.zeros(0, np.int64)
        self._entry_p: Ints = np.zeros(0, np.int32)
        self._places: dict[int, list[int]] = {}
        self._free: list[int] = []
        self._used = 0

    def put(self, entry: int, numbers: Sequence[float]) -> None:
        """The numbers of an entry that has none yet."""
        for number in numbers:
            place = self._place()
            self._number_p[place], self._entry_p[place] = float(number), entry
            self._large_p[place] = number if isinstance(number, int) and abs(number) > EXACT else 0
            self._places.setdefault(entry, []).append(place)

    def remove(self, entry: int) -> None:
        """Forget the numbers of an entry."""
        places = self._places.pop(entry, [])
        self._number_p[places] = np.nan
        self._free += places

    def within(self, bounds: Bounds) -> Ints:
        """Entries with a number within the bounds."""
        hits = within(self._number_p[: self._used], self._large_p[: self._used], bounds)
        entries: Ints = np.unique(self._entry_p[: self._used][hits])
        return entries

    def _place(self) -> int:
        if self._free:
            return self._free.pop()
        self._used += 1
        self._number_p, self._large_p = grown(self._number_p, self._used), grown(self._large_p, self._used)
        self._entry_p = grown(self._entry_p, self._used)
        return self._used - 1
