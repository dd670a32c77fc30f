"""Which row an id has."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.arrays import Longs

UNKNOWN = 0
Kind = TypeVar("Kind", bound=np.generic)


class IdMap:
    """Ids to row numbers from 1 up, without collisions; row 0 stands for every id without a row.

    Rows of removed ids are used again, so a caller clears a row when it frees it.

    >>> ids = IdMap()
    >>> ids.insert(["a", "b", "a"]).tolist(), ids.find(["b", "c"]).tolist()
    ([1, 2, 1], [2, 0])
    """

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._ids: list[str] = [""]
        self._free: list[int] = []
        self.changes = 0
        """Grows with every id that gets or loses its row: what was found stays true until then."""

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __deepcopy__(self, memo: dict[int, Any]) -> "IdMap":
        """Ids are shared, which nobody can change: going through them one by one takes ten times as long."""
        copied = IdMap()
        copied._rows, copied._ids, copied._free = self._rows.copy(), self._ids.copy(), self._free.copy()
        copied.changes = self.changes
        return copied

    @property
    def capacity(self) -> int:
        """Rows in use or freed, row 0 included: what arrays beside this map need."""
        return len(self._ids)

    def find(self, names: Sequence[str]) -> Longs:
        """Rows of the ids, `UNKNOWN` where there is none."""
        return np.fromiter(map(self._rows.get, names, repeat(UNKNOWN)), np.int64, len(names))

    def insert(self, names: Sequence[str]) -> Longs:
        """Rows of the ids, new ones where there were none."""
        rows = self.find(names)
        for position in np.flatnonzero(rows == UNKNOWN).tolist():
            rows[position] = self._row(names[position])
        return rows

    def remove(self, names: Iterable[str]) -> Longs:
        """Free the rows of the ids that have one; returns those rows."""
        rows = [row for name in names if (row := self._rows.pop(name, None)) is not None]
        self._free.extend(rows)
        self.changes += len(rows)
        for row in rows:
            self._ids[row] = ""
        return np.array(rows, np.int64)

    def names(self, rows: Longs) -> list[str]:
        """Ids of rows in use."""
        ids = self._ids
        return [ids[row] for row in rows.tolist()]

    def used(self) -> Longs:
        """All rows that belong to an id."""
        return np.fromiter(self._rows.values(), np.int64, len(self._rows))

    def _row(self, name: str) -> int:
        row = self._rows.get(name)
        if row is None:
            if self._free:
                row = self._free.pop()
                self._ids[row] = name
            else:
                row = len(self._ids)
                self._ids.append(name)
            self._rows[name] = row
            self.changes += 1
        return row


def grown(array: npt.NDArray[Kind], capacity: int, fill: float = 0) -> npt.NDArray[Kind]:
    """The array, or a copy at least doubled in rows when it has fewer than `capacity`; new rows hold `fill`."""
    if len(array) >= capacity:
        return array
    larger = np.full((max(capacity, 2 * len(array)), *array.shape[1:]), fill, array.dtype)
    larger[: len(array)] = array
    return larger
