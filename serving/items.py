"""Every item of the index in dense arrays, with the posting lists over them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from streamvq_client.rows import ItemIndexRow, ItemRow

from pipeline.arrays import Bools, Doubles, Ints, Longs
from pipeline.eligibility import EVERYTHING, Eligibility
from pipeline.ids import UNKNOWN, IdMap, grown
from pipeline.postings import ABSENT, UNFILED, Postings
from serving.aging import Aging
from serving.attributes import Attributes
from serving.filters import Filters
from serving.index_rows import IndexRows, check_row

NOTHING: Final[dict[str, Any]] = {}

Row = TypeVar("Row", ItemRow, ItemIndexRow)


class Order(NamedTuple):
    """What makes a posting key of a row: key = bias + gamma · L.

    Attributes:
        n_tasks: orders kept, one a task.
        half_life: which popularity counts; None before a version is known: the middle one.
        gamma: its weight.
        initial: L of an item without exposures, as of the version served; before there is one no more than that of any
            item exposed.
    """

    n_tasks: int = 1
    half_life: int | None = None
    gamma: float = 1.0
    initial: float = 0.0


class Refiled(NamedTuple):
    """Rows of `item_index` that are about to replace others, column by column.

    Attributes:
        names: ids, (n,).
        rows: the new ones, None where the item is filed no more.
        clusters_n: where it was filed so far, `ABSENT` where it was not.
        times_n: of the row so far.
    """

    names: Sequence[str]
    rows: Sequence[ItemIndexRow | None]
    clusters_n: Ints
    times_n: Longs


class Items:
    """Item rows by slot. An item is retrievable when it is published (`items`), filed (`item_index`) and eligible.

    Rows that are put wait until `settle`, where rows and posting lists change together: between two calls of it a query
    sees both agree. Slot 0 belongs to no item; slots of items that are gone are used again.
    """

    def __init__(self, eligible: Eligibility = EVERYTHING) -> None:
        self._eligible = eligible
        self._aging = Aging()
        self.slots = IdMap()
        self.postings = Postings(0, 1)
        self.order = Order()
        self.index = IndexRows()
        self.published: list[ItemRow | None] = [None]
        self.columns = Attributes(self.published)
        self.filters = Filters(self.columns)
        self.live_n: Bools = np.zeros(64, np.bool_)
        self.eligible_n: Bools = np.zeros(64, np.bool_)
        self.stamp_n: Longs = np.zeros(64, np.int64)
        """Grows with every change of what the item tower reads; never the same again for a slot."""
        self.on_refiled: Callable[[Refiled], None] | None = None
        """Told of index rows before they replace others."""
        self._stamp = 0
        self._item_changes: dict[str, ItemRow | None] = {}
        self._index_changes: dict[str, ItemIndexRow | None] = {}

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

    def clusters(self, names: Sequence[str]) -> Ints:
        """Where items are filed, -1 for those that are not, (n,)."""
        slots = self.slots.find(names)
        return np.where(self.index.filed_n[slots], self.index.cluster_n[slots], UNFILED).astype(np.int32)

    def features(self, rows_n: Longs | Ints) -> list[dict[str, Any]]:
        """Features of slots, as published."""
        published = self.published
        return [NOTHING if (row := published[slot]) is None else row.features for slot in rows_n.tolist()]

    def attributes(self, rows_n: Longs | Ints) -> list[dict[str, Any]]:
        """Attributes of slots, as published."""
        published = self.published
        return [NOTHING if (row := published[slot]) is None else row.attributes for slot in rows_n.tolist()]

    def published_at(self, slot: int) -> int:
        """When an item was published, ms since 1970; 0 for one that is not."""
        row = self.published[slot]
        return 0 if row is None else row.published

    @property
    def shown_n(self) -> Bools:
        """Whether queries can answer with each slot."""
        shown: Bools = self.live_n & self.index.filed_n & self.eligible_n
        return shown

    def retrievable(self) -> Longs:
        """All slots that queries can answer with."""
        return np.flatnonzero(self.shown_n)

    def shown(self, rows_n: Longs | Ints) -> Bools:
        """Whether queries can answer with each of these slots."""
        return self.live_n[rows_n] & self.index.filed_n[rows_n] & self.eligible_n[rows_n]

    def put_item(self, name: str, row: ItemRow | None) -> None:
        """A row of `items`: None or a deletion mark takes the item away."""
        self._item_changes[name] = None if row is None or row.deleted is not None else row

    def put_index(self, name: str, row: ItemIndexRow | None) -> None:
        """A row of `item_index`; None takes the item off its list."""
        if row is not None:
            check_row(name, row)
        self._index_changes[name] = row

    def settle(self, oldest: int | None = None) -> int:
        """Let everything put since the last call take effect, rows and lists at once; how many items it was.

        Args:
            oldest: items published before are too old from now on, ms since 1970; never earlier than the last time.
        """
        rows = np.unique(np.concatenate([self._take_items(), self._take_index(), self._take_old(oldest)]))
        if not rows.size:
            return 0
        self._file(rows)
        self.slots.remove(self.slots.names(rows[~(self.live_n[rows] | self.index.filed_n[rows])]))
        return int(rows.size)

    def reorder(self, order: Order) -> None:
        """Sort the lists by another rule. With every version L of an item never exposed grows: those move together."""
        before, self.order = self.order, order
        if order.n_tasks != before.n_tasks:
            self.postings = Postings(self.postings.n_clusters, order.n_tasks)
            self._file(self.retrievable())
        elif order[:3] != before[:3]:
            self.postings.set_keys_all(self._keys(np.arange(len(self.live_n))))
        elif order != before:
            rows = self.retrievable()
            rows = rows[np.isneginf(self._counts(rows))]
            self.postings.shift_keys(rows, self._keys(rows))

    def popularity(self, rows_n: Longs | Ints) -> Doubles:
        """L of items by the half-life in use, (n,)."""
        counts = self._counts(rows_n)
        return np.where(np.isneginf(counts), self.order.initial, counts)

    def _counts(self, rows_n: Longs | Ints) -> Doubles:
        known_nh = self.index.popularity_nh
        widest = known_nh.shape[1]
        column = widest // 2 if self.order.half_life is None else min(self.order.half_life, widest - 1)
        counts: Doubles = known_nh[rows_n, column]
        return counts

    def _keys(self, rows_n: Longs) -> Doubles:
        prior: Doubles = self.order.gamma * self.popularity(rows_n)
        return self.index.bias(rows_n, self.order.n_tasks).astype(np.float64) + prior[:, None]

    def _file(self, rows_n: Longs) -> None:
        shown = self.shown(rows_n)
        clusters = np.where(shown, self.index.cluster_n[rows_n], ABSENT)
        self.postings.grow(int(clusters.max(initial=UNFILED)) + 1)
        self.postings.update(rows_n, clusters, self._keys(rows_n))

    def _take_items(self) -> Longs:
        changes, self._item_changes = self._item_changes, {}
        here, gone = self._split(changes)
        for slot, row in [*here, *((slot, None) for slot in gone.tolist())]:
            before, self.published[slot] = self.published[slot], row
            self.columns.changed(slot, before, row)
        rows = np.array([slot for slot, _ in here], np.int64)
        self.live_n[rows], self.live_n[gone] = True, False
        self.eligible_n[rows] = self._judged([row for _, row in here])
        if self._eligible.max_age_ms is not None:
            self._aging.add([(row.published, slot) for slot, row in here])
        self.stamp_n[rows] = np.arange(self._stamp + 1, self._stamp + 1 + len(rows))
        self._stamp += len(rows)
        return np.concatenate([rows, gone])

    def _take_old(self, oldest: int | None) -> Longs:
        if oldest is None:
            return np.zeros(0, np.int64)
        due = [(slot, self.published[slot]) for slot in self._aging.before(oldest)]
        rows = np.array([slot for slot, row in due if row is not None and row.published < oldest], np.int64)
        self.eligible_n[rows] = False
        return rows

    def _take_index(self) -> Longs:
        changes, self._index_changes = self._index_changes, {}
        here, gone = self._split(changes)
        if self.on_refiled is not None and changes:
            self.on_refiled(self._refiled(changes))
        rows = np.array([slot for slot, _ in here], np.int64)
        self.index.put(rows, [row for _, row in here])
        self.index.filed_n[gone] = False
        return np.concatenate([rows, gone])

    def _refiled(self, changes: Mapping[str, ItemIndexRow | None]) -> Refiled:
        names = list(changes)
        slots = self.slots.find(names)
        before = np.where(self.index.filed_n[slots], self.index.cluster_n[slots], ABSENT).astype(np.int32)
        return Refiled(names, list(changes.values()), before, self.index.time_n[slots])

    def _judged(self, rows: Sequence[ItemRow]) -> Bools:
        """Whether the attributes of items fit; their age is seen to afterwards."""
        return np.array([self._eligible.allows(row.attributes, row.features) for row in rows], np.bool_)

    def _split(self, changes: Mapping[str, Row | None]) -> tuple[list[tuple[int, Row]], Longs]:
        """Slots of what is there, new ones where needed, with the rows; slots of what is gone, if it ever was there."""
        present = {name: row for name, row in changes.items() if row is not None}
        slots = self.slots.insert(list(present))
        gone = self.slots.find([name for name, row in changes.items() if row is None])
        self._grow()
        return list(zip(slots.tolist(), present.values(), strict=True)), gone[gone != UNKNOWN]

    def _grow(self) -> None:
        capacity = self.slots.capacity
        self.published += [None] * (capacity - len(self.published))
        self.live_n, self.stamp_n = grown(self.live_n, capacity), grown(self.stamp_n, capacity)
        self.eligible_n = grown(self.eligible_n, capacity)
        self.columns.grow(len(self.live_n))
        self.index.grow(capacity)
