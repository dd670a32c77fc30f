"""Every item of the index in dense arrays, with the posting lists over them."""

from typing import Any, Final, NamedTuple

import numpy as np
from streamvq_client.rows import ItemIndexRow, ItemRow

from pipeline.arrays import Bools, Doubles, Floats, Ints, Longs
from pipeline.ids import UNKNOWN, IdMap, grown
from pipeline.popularity import NEVER
from pipeline.postings import ABSENT, UNFILED, Postings
from schemas.errors import InvariantError

MOST_CLUSTERS: Final = 1 << 20
MOST_COLUMNS: Final = 1 << 10
NOTHING: Final[dict[str, Any]] = {}


class Order(NamedTuple):
    """What makes a posting key of a row: key = bias + gamma · L.

    Attributes:
        n_tasks: orders kept, one a task.
        half_life: which popularity counts; None before a version is known: the middle one.
        gamma: its weight.
        initial: L of an item whose row holds none.
    """

    n_tasks: int = 1
    half_life: int | None = None
    gamma: float = 1.0
    initial: float = 0.0


class Items:
    """Item rows by slot. An item is retrievable when it is both published (`items`) and filed (`item_index`).

    Slot 0 belongs to no item. Rows are put one by one; the posting lists follow in `settle`, which must come before the
    next query, so that it sees rows and lists that agree. Slots of items that are gone are used again.
    """

    def __init__(self) -> None:
        self.slots = IdMap()
        self.postings = Postings(0, 1)
        self.order = Order()
        self.published: list[ItemRow | None] = [None]
        self.live_n: Bools = np.zeros(64, np.bool_)
        self.filed_n: Bools = np.zeros(64, np.bool_)
        self.stamp_n: Longs = np.zeros(64, np.int64)
        """Grows with every change of what the item tower reads; never the same again for a slot."""
        self.cluster_n: Ints = np.full(64, UNFILED, np.int32)
        self.bias_nt: Floats = np.zeros((64, 1), np.float32)
        self.popularity_nh: Doubles = np.full((64, 1), NEVER)
        self.exposures_n: Longs = np.zeros(64, np.int64)
        self.version_n: Longs = np.zeros(64, np.int64)
        self.time_n: Longs = np.zeros(64, np.int64)
        self._stamp = 0
        self._touched: dict[int, None] = {}

    def __len__(self) -> int:
        """Retrievable items."""
        return len(self.postings)

    def find(self, name: str) -> int | None:
        """Slot of an item that is published or filed."""
        slot = int(self.slots.find([name])[0])
        return None if slot == UNKNOWN else slot

    def names(self, rows_n: Longs | Ints) -> list[str]:
        """Ids of slots in use."""
        return self.slots.names(rows_n.astype(np.int64))

    def features(self, rows_n: Longs | Ints) -> list[dict[str, Any]]:
        """Features of slots, as published."""
        published = self.published
        return [NOTHING if (row := published[slot]) is None else row.features for slot in rows_n.tolist()]

    def attributes(self, rows_n: Longs | Ints) -> list[dict[str, Any]]:
        """Attributes of slots, as published."""
        published = self.published
        return [NOTHING if (row := published[slot]) is None else row.attributes for slot in rows_n.tolist()]

    def retrievable(self) -> Longs:
        """All slots that queries can answer with."""
        return np.flatnonzero(self.live_n & self.filed_n)

    def put_item(self, name: str, row: ItemRow | None) -> None:
        """A row of `items`: None or a deletion mark takes the item away."""
        live = row is not None and row.deleted is None
        if not live and name not in self.slots:
            return
        slot = self._slot(name)
        self.published[slot] = row if live else None
        self.live_n[slot] = live
        self._stamp += 1
        self.stamp_n[slot] = self._stamp

    def put_index(self, name: str, row: ItemIndexRow | None) -> None:
        """A row of `item_index`; None takes the item off its list."""
        if row is None and name not in self.slots:
            return
        slot = self._slot(name)
        self.filed_n[slot] = row is not None
        if row is None:
            return
        self.cluster_n[slot] = _cluster(name, row)
        self.bias_nt = _fitting(self.bias_nt, len(row.bias), 0)
        self.bias_nt[slot] = 0
        self.bias_nt[slot, : len(row.bias)] = row.bias
        self.popularity_nh = _fitting(self.popularity_nh, len(row.popularity), NEVER)
        self.popularity_nh[slot] = NEVER
        self.popularity_nh[slot, : len(row.popularity)] = row.popularity
        self.exposures_n[slot] = row.exposures
        self.version_n[slot] = row.version
        self.time_n[slot] = row.time

    def settle(self) -> int:
        """Let everything put since the last call take effect, rows and lists at once; how many items it was."""
        rows = np.fromiter(self._touched, np.int64, len(self._touched))
        self._touched.clear()
        if not rows.size:
            return 0
        self._file(rows)
        gone = rows[~(self.live_n[rows] | self.filed_n[rows])]
        self.slots.remove(self.slots.names(gone))
        return int(rows.size)

    def reorder(self, order: Order) -> None:
        """Sort the lists by another rule; only a change of tasks, half-life or gamma costs anything."""
        before, self.order = self.order, order
        if order[:3] == before[:3]:
            return
        if order.n_tasks != before.n_tasks:
            self.postings = Postings(self.postings.n_clusters, order.n_tasks)
            self._file(self.retrievable())
        else:
            self.postings.set_keys_all(self._keys(np.arange(len(self.live_n))))

    def popularity(self, rows_n: Longs | Ints) -> Doubles:
        """L of items by the half-life in use, (n,)."""
        widest = self.popularity_nh.shape[1]
        column = widest // 2 if self.order.half_life is None else min(self.order.half_life, widest - 1)
        counts: Doubles = self.popularity_nh[rows_n, column]
        return np.where(np.isneginf(counts), self.order.initial, counts)

    def _keys(self, rows_n: Longs) -> Doubles:
        tasks = self.order.n_tasks
        self.bias_nt = _fitting(self.bias_nt, tasks, 0)
        prior: Doubles = self.order.gamma * self.popularity(rows_n)
        return self.bias_nt[rows_n, :tasks].astype(np.float64) + prior[:, None]

    def _file(self, rows_n: Longs) -> None:
        shown = self.live_n[rows_n] & self.filed_n[rows_n]
        clusters = np.where(shown, self.cluster_n[rows_n], ABSENT)
        self.postings.grow(int(clusters.max(initial=UNFILED)) + 1)
        self.postings.update(rows_n, clusters, self._keys(rows_n))

    def _slot(self, name: str) -> int:
        slot = int(self.slots.insert([name])[0])
        if slot >= len(self.published):
            self.published.append(None)
            self._grow()
        self._touched[slot] = None
        return slot

    def _grow(self) -> None:
        capacity = self.slots.capacity
        self.live_n, self.filed_n = grown(self.live_n, capacity), grown(self.filed_n, capacity)
        self.stamp_n, self.cluster_n = grown(self.stamp_n, capacity), grown(self.cluster_n, capacity, UNFILED)
        self.bias_nt, self.popularity_nh = grown(self.bias_nt, capacity), grown(self.popularity_nh, capacity, NEVER)
        self.exposures_n, self.version_n = grown(self.exposures_n, capacity), grown(self.version_n, capacity)
        self.time_n = grown(self.time_n, capacity)


def _cluster(name: str, row: ItemIndexRow) -> int:
    cluster = row.clusters[0] if row.clusters else UNFILED
    if cluster >= MOST_CLUSTERS or len(row.bias) > MOST_COLUMNS or len(row.popularity) > MOST_COLUMNS:
        raise InvariantError(f"item_index row of {name!r}: no trainer writes cluster {cluster} or so many columns")
    return cluster


def _fitting(values: Any, columns: int, fill: float) -> Any:
    """The array, or a wider copy when it has fewer columns."""
    missing = columns - values.shape[1]
    if missing <= 0:
        return values
    return np.pad(values, ((0, 0), (0, missing)), constant_values=fill)
