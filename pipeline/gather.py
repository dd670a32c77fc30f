"""The distinct rows one computation reads, as one tensor a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.arrays import Floats, Longs
from pipeline.embedding import EmbeddingTable
from pipeline.native import native
from pipeline.row_sums import row_sums


@dataclass(frozen=True, slots=True)
class Use:
    """Rows of one table, (n, w), and their weights in the sum over w; None when w is 1."""

    table: str
    dim: int
    rows_nw: Longs
    weights_nw: Floats | None = None


def distinct(rows_f: Longs, capacity: int) -> tuple[Longs, Longs]:
    """Distinct rows and, for each row given, its position among them; their order does not depend on row numbers.

    >>> distinct(np.array([7, 3, 7]), 10)
    (array([7, 3]), array([0, 1, 0]))
    """
    chosen, places = np.empty(len(rows_f), np.int64), np.empty(len(rows_f), np.int64)
    n = _distinct(rows_f, np.full(capacity, -1, np.int64), chosen, places)
    return chosen[:n], places


class Gathered:
    """Leaf tensors of the distinct rows of each table used, and sums over them.

    Attributes:
        rows: table -> distinct row numbers (u,).
        leaves: table -> their values (u, dim), which collect the gradients.
    """

    def __init__(
        self, tables: Mapping[str, EmbeddingTable], uses: Sequence[Use], device: torch.device, *, learn: bool
    ) -> None:
        self.rows: dict[str, Longs] = {}
        self.leaves: dict[str, Tensor] = {}
        self._device = device
        self._places: dict[int, Tensor] = {}
        for name in dict.fromkeys(use.table for use in uses):
            self._read(tables[name], [use for use in uses if use.table == name], learn=learn)

    def pooled(self, use: Use) -> Tensor:
        """Weighted sum of each row's embeddings, (n, dim)."""
        return self._sum(use, slice(0, use.dim))

    def rest(self, use: Use) -> Tensor:
        """The same sum of the columns after `dim`, (n, table dim - dim)."""
        return self._sum(use, slice(use.dim, self.leaves[use.table].shape[1]))

    def inputs(self, uses: Sequence[Use], numbers_nm: Floats) -> Tensor:
        """All sums and the numbers side by side: what a tower reads."""
        numbers = torch.from_numpy(numbers_nm).to(self._device)
        return torch.cat([*(self.pooled(use) for use in uses), numbers], dim=1)

    def places(self, use: Use) -> Tensor:
        """Places of its rows among the distinct ones, (n, w)."""
        return self._places[id(use.rows_nw)]

    def gradients(self) -> dict[str, tuple[Longs, Floats]]:
        """Table -> (distinct rows, their gradients), for tables the loss reached."""
        return {
            name: (self.rows[name], leaf.grad.cpu().numpy())
            for name, leaf in self.leaves.items()
            if leaf.grad is not None
        }

    def _read(self, table: EmbeddingTable, uses: Sequence[Use], *, learn: bool) -> None:
        arrays = {id(use.rows_nw): use.rows_nw for use in uses}  # several uses may share their rows
        flat = np.concatenate([rows_nw.ravel() for rows_nw in arrays.values()])
        rows, places = distinct(flat, table.ids.capacity)
        self.rows[table.name] = rows
        leaf = torch.from_numpy(table.values[rows]).to(self._device)
        self.leaves[table.name] = leaf.requires_grad_(learn)
        start = 0
        for key, rows_nw in arrays.items():
            end = start + rows_nw.size
            self._places[key] = torch.from_numpy(places[start:end].reshape(rows_nw.shape)).to(self._device)
            start = end

    def _sum(self, use: Use, columns: slice) -> Tensor:
        places, leaf = self._places[id(use.rows_nw)], self.leaves[use.table]
        weights = None if use.weights_nw is None else torch.from_numpy(use.weights_nw).to(self._device)
        return row_sums(leaf, places, weights, columns)


@native
def _distinct(rows_f: Longs, place_of: Longs, chosen: Longs, places_f: Longs) -> int:
    n = 0
    for f in range(rows_f.size):
        row = rows_f[f]
        if place_of[row] < 0:
            place_of[row], chosen[n] = n, row
            n += 1
        places_f[f] = place_of[row]
    return n
