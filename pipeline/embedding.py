"""Rows of learned values by id."""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Floats, Longs
from pipeline.errors import RestoreError
from pipeline.ids import IdMap, grown


class EmbeddingTable:
    """Values (rows, dim) by id. Row 0 is zero: the value of padding and of every id without a row.

    Every id starts at zero, so an id nobody published yet has the same value in every process.

    >>> table = EmbeddingTable("item", 2)
    >>> table.put(["a"], np.ones((1, 2), np.float32))
    >>> table.values[table.ids.find(["a", "new"])].tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """

    def __init__(self, name: str, dim: int) -> None:
        self.name = name
        self.dim = dim
        self.ids = IdMap()
        self.values: Floats = np.zeros((64, dim), np.float32)

    def __len__(self) -> int:
        return len(self.ids)

    def insert(self, names: Sequence[str]) -> Longs:
        """Rows of the ids; a new id's row is zero."""
        rows = self.ids.insert(names)
        self.values = grown(self.values, self.ids.capacity)
        return rows

    def put(self, names: Sequence[str], values_nd: Floats) -> None:
        """Set the rows of these ids.

        Raises:
            RestoreError: the values have another width than the table.
        """
        if values_nd.shape != (len(names), self.dim):
            raise RestoreError(f"table {self.name}: values {values_nd.shape} for {len(names)} ids of width {self.dim}")
        rows = self.insert(names)  # may replace the array
        self.values[rows] = values_nd

    def remove(self, names: Sequence[str]) -> Longs:
        """Forget these ids; returns the rows freed."""
        rows = self.ids.remove(names)
        self.values[rows] = 0
        return rows
