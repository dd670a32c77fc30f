"""An embedding table that learns: who is admitted, how far a row moves, when it is forgotten."""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Bools, Doubles, Floats, Longs
from pipeline.changes import Changes
from pipeline.embedding import EmbeddingTable
from pipeline.errors import RestoreError
from pipeline.ids import grown
from pipeline.optimisers import adagrad

STATE_WIDTH = 3  # adagrad accumulator, sightings, clock of the last sighting


class TrainedTable:
    """Training state beside an `EmbeddingTable`, whose values it moves in place.

    An id is counted from its first sighting and has a value of its own from the `admit_after`-th on; before, its row is
    zero. The value is a parameter; accumulator, sightings and last sighting are state, one row `(3,)` an id.
    """

    def __init__(self, table: EmbeddingTable, *, admit_after: int, rate: float) -> None:
        self.table = table
        self.admit_after = admit_after
        self.rate = rate
        self._squares: Doubles = np.zeros(64)
        self._sightings: Longs = np.zeros(64, np.int64)
        self._last: Longs = np.zeros(64, np.int64)
        self._moved: Bools = np.zeros(64, np.bool_)  # value changed since the last take
        self._seen: Bools = np.zeros(64, np.bool_)  # state changed since the last take
        self._removed: dict[str, None] = {}

    def see(self, names: Sequence[str], clock: int) -> Longs:
        """Count one sighting an id given; returns their rows."""
        rows = self.table.insert(names)
        self._grow()
        np.add.at(self._sightings, rows, 1)
        self._last[rows] = clock
        self._seen[rows] = True
        return rows

    def update(self, rows_n: Longs, gradients_nd: Floats) -> None:
        """One Adagrad step of the distinct rows given; rows not admitted and rows without gradient stay as they are."""
        chosen = (rows_n != 0) & (self._sightings[rows_n] >= self.admit_after) & gradients_nd.any(axis=1)
        rows, gradients = rows_n[chosen], gradients_nd[chosen]
        values = self.table.values
        values[rows], self._squares[rows] = adagrad(values[rows], self._squares[rows], gradients, self.rate)
        self._moved[rows] = self._seen[rows] = True

    def expire(self, before: int) -> list[str]:
        """Forget ids last seen before this clock, and say which."""
        used = self.table.ids.used()
        stale = self.table.ids.names(used[self._last[used] < before])
        self.forget(stale)
        return stale

    def forget(self, names: Sequence[str]) -> None:
        """Forget these ids, as if they had never been seen; others than those known are no matter."""
        names = [name for name in names if name in self.table.ids]
        rows = self.table.remove(names)
        for array in (self._squares, self._sightings, self._last, self._moved, self._seen):
            array[rows] = 0
        self._removed.update(dict.fromkeys(names))

    def take_changes(self, parameters: Changes, state: Changes) -> None:
        """Add what changed since the last call to both, and forget that it did."""
        moved, seen = np.flatnonzero(self._moved), np.flatnonzero(self._seen)
        ids = self.table.ids
        moved_ids, seen_ids = ids.names(moved), ids.names(seen)
        parameters.put(self.table.name, moved_ids, self.table.values[moved])
        rows = np.stack((self._squares[seen], self._sightings[seen], self._last[seen]), axis=1)
        state.put(self.table.name, seen_ids, rows)
        # An id forgotten and seen again has state but no value yet: its old value must go.
        parameters.remove(self.table.name, list(self._removed.keys() - set(moved_ids)))
        state.remove(self.table.name, list(self._removed.keys() - set(seen_ids)))
        self._moved[:] = self._seen[:] = False
        self._removed.clear()

    def restore(self, names: Sequence[str], state_ns: Doubles) -> None:
        """Continue with these state rows; the values are restored through the table itself.

        Raises:
            RestoreError: the rows are not `(n, 3)`.
        """
        if state_ns.shape != (len(names), STATE_WIDTH):
            raise RestoreError(f"state of {self.table.name}: rows {state_ns.shape}, expected ({len(names)}, 3)")
        rows = self.table.insert(names)
        self._grow()
        self._squares[rows] = state_ns[:, 0]
        self._sightings[rows] = state_ns[:, 1]
        self._last[rows] = state_ns[:, 2]

    def _grow(self) -> None:
        capacity = self.table.ids.capacity
        self._squares = grown(self._squares, capacity)
        self._sightings = grown(self._sightings, capacity)
        self._last = grown(self._last, capacity)
        self._moved = grown(self._moved, capacity)
        self._seen = grown(self._seen, capacity)
