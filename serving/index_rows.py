"""Rows of `item_index` as columns, one place a slot."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from streamvq_client.rows import ItemIndexRow

from pipeline.arrays import Bools, Doubles, Floats, Ints, Longs
from pipeline.ids import grown
from pipeline.popularity import NEVER
from pipeline.postings import UNFILED
from schemas.errors import InvariantError

MOST_CLUSTERS: Final = 1 << 20
MOST_COLUMNS: Final = 1 << 10


class IndexRows:
    """What the indexers say of each slot. Where `filed_n` is false the rest means nothing.

    Rows may be of different configurations for a while: a bias that is missing is 0, a popularity `NEVER`, as is that
    of an item without exposures, whatever its row says.
    """

    def __init__(self) -> None:
        self.filed_n: Bools = np.zeros(64, np.bool_)
        self.cluster_n: Ints = np.full(64, UNFILED, np.int32)
        self.bias_nt: Floats = np.zeros((64, 1), np.float32)
        self.popularity_nh: Doubles = np.full((64, 1), NEVER)
        self.exposures_n: Longs = np.zeros(64, np.int64)
        self.version_n: Longs = np.zeros(64, np.int64)
        self.time_n: Longs = np.zeros(64, np.int64)

    def put(self, slots_n: Longs, rows: Sequence[ItemIndexRow]) -> None:
        """Set the rows of these slots."""
        if not rows:
            return
        popularity = [row.popularity if row.exposures else [] for row in rows]
        self.filed_n[slots_n] = True
        self.cluster_n[slots_n] = [row.clusters[0] if row.clusters else UNFILED for row in rows]
        self.bias_nt = _put(self.bias_nt, slots_n, [row.bias for row in rows], 0)
        self.popularity_nh = _put(self.popularity_nh, slots_n, popularity, NEVER)
        self.exposures_n[slots_n] = [row.exposures for row in rows]
        self.version_n[slots_n] = [row.version for row in rows]
        self.time_n[slots_n] = [row.time for row in rows]

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        self.filed_n, self.cluster_n = grown(self.filed_n, capacity), grown(self.cluster_n, capacity, UNFILED)
        self.bias_nt, self.popularity_nh = grown(self.bias_nt, capacity), grown(self.popularity_nh, capacity, NEVER)
        self.exposures_n, self.version_n = grown(self.exposures_n, capacity), grown(self.version_n, capacity)
        self.time_n = grown(self.time_n, capacity)

    def bias(self, slots_n: Longs | Ints, n_tasks: int) -> Floats:
        """Biases of slots, (n, T)."""
        self.bias_nt = _widened(self.bias_nt, n_tasks, 0)
        return self.bias_nt[slots_n, :n_tasks]


def check_row(name: str, row: ItemIndexRow) -> None:
    """Raise InvariantError for a row that would make columns or lists grow beyond any configuration."""
    cluster = max(row.clusters, default=UNFILED)
    if cluster >= MOST_CLUSTERS or len(row.bias) > MOST_COLUMNS or len(row.popularity) > MOST_COLUMNS:
        raise InvariantError(f"item_index row of {name!r}: no trainer writes cluster {cluster} or so many columns")


def _put(values: Any, slots_n: Longs, lists: list[list[float]], fill: float) -> Any:
    """The array with these rows set, `fill` where a list is short; a wider copy when one is long."""
    widest = max(map(len, lists))
    values = _widened(values, widest, fill)
    if min(map(len, lists)) < widest:
        lists = [[*entries, *[fill] * (widest - len(entries))] for entries in lists]
    values[slots_n] = fill
    values[slots_n, :widest] = lists
    return values


def _widened(values: Any, columns: int, fill: float) -> Any:
    missing = columns - values.shape[1]
    return values if missing <= 0 else np.pad(values, ((0, 0), (0, missing)), constant_values=fill)
