"""What the trainer knows of each item from its exposures: interval, present code, counts."""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Bools, Doubles, Ints, Longs
from pipeline.changes import Changes
from pipeline.errors import RestoreError
from pipeline.ids import IdMap, grown
from pipeline.popularity import NEVER

TABLE = "statistics"
LAST, INTERVAL, CODE, COUNTS = 0, 1, 2, 3  # columns; the counts, one a half-life, come last


class ItemStatistics:
    """One row an exposed item: last exposure and δ in batches, present code, forward-decayed log counts. All state."""

    def __init__(self, half_lives: int) -> None:
        self.ids = IdMap()
        self._fresh: Doubles = np.array([np.nan, np.nan, -1.0, *[NEVER] * half_lives])
        self._rows: Doubles = np.tile(self._fresh, (64, 1))
        self._changed: Bools = np.zeros(64, np.bool_)
        self._removed: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def insert(self, names: Sequence[str]) -> Longs:
        """Row numbers of items, new where needed."""
        rows = self.ids.insert(names)
        used = len(self._rows)
        self._rows = grown(self._rows, self.ids.capacity)
        self._rows[used:] = self._fresh
        self._changed = grown(self._changed, self.ids.capacity)
        return rows

    def intervals(self, rows_n: Longs) -> Doubles:
        """(last, δ) of items, (n, 2)."""
        return self._rows[rows_n, LAST : INTERVAL + 1]

    def codes(self, rows_n: Longs) -> Ints:
        """Present codes of items, -1 for none, (n,)."""
        codes: Ints = self._rows[rows_n, CODE].astype(np.int32)
        return codes

    def log_counts(self, rows_n: Longs) -> Doubles:
        """Forward-decayed log counts of items, -inf for never exposed, (n, H)."""
        return self._rows[rows_n, COUNTS:]

    def put(self, rows_n: Longs, intervals_n2: Doubles, log_counts_nh: Doubles) -> None:
        """Set what exposures changed."""
        self._rows[rows_n, LAST : INTERVAL + 1] = intervals_n2
        self._rows[rows_n, COUNTS:] = log_counts_nh
        self._changed[rows_n] = True

    def put_codes(self, rows_n: Longs, codes_n: Ints) -> None:
        """Set present codes of items that have a row."""
        known = rows_n != 0
        self._rows[rows_n[known], CODE] = codes_n[known]
        self._changed[rows_n[known]] = True

    def expire(self, before: float) -> None:
        """Forget items last exposed before this time, in batches."""
        used = self.ids.used()
        names = self.ids.names(used[self._rows[used, LAST] < before])
        rows = self.ids.remove(names)
        self._rows[rows] = self._fresh
        self._changed[rows] = False
        self._removed.update(dict.fromkeys(names))

    def take_changes(self, state: Changes) -> None:
        """Add the rows changed since the last call."""
        changed = np.flatnonzero(self._changed)
        names = self.ids.names(changed)
        state.put(TABLE, names, self._rows[changed])
        state.remove(TABLE, list(self._removed.keys() - set(names)))
        self._changed[:] = False
        self._removed.clear()

    def restore(self, names: Sequence[str], rows: Doubles) -> None:
        """Continue with these rows."""
        if rows.shape != (len(names), len(self._fresh)):
            raise RestoreError(f"statistics {rows.shape}, expected ({len(names)}, {len(self._fresh)})")
        places = self.insert(names)  # may replace the array
        self._rows[places] = rows
