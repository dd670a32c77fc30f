"""The rows of one partition as a step reads and changes them; `clusters` follows whatever happens to `item_index`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from streamvq_client.rows import NO_CLUSTER, ItemIndexRow, ItemRow, decode_item, decode_item_index, encode
from streamvq_client.versioned import VERSION, version_of

from agents.cluster_share import ClusterShare
from tables.position import Message
from tables.shard import Step
from tables.table import Table


@dataclass(frozen=True, slots=True)
class IndexTables:
    """The tables of the indexer."""

    items: Table
    item_index: Table
    clusters: Table


class ItemMark(msgspec.Struct, frozen=True, gc=False, tag_field=VERSION, tag=version_of(ItemRow)):
    """What decides over an item's existence, read from an `ItemRow` without its features and attributes."""

    published: int
    deleted: int | None = None
    bare: bool = False


_marks = msgspec.json.Decoder(ItemMark)


def decode_mark(value: bytes) -> ItemMark:
    """The mark in an `items` row; FormatError if it is none."""
    try:
        return _marks.decode(value)
    except (ValueError, RecursionError):  # of an earlier version, which the row itself knows how to read, or no row
        row = decode_item(value)
    return ItemMark(row.published, row.deleted, row.bare)


def arrived_ms(message: Message, now_ms: int) -> int:
    """When an event arrived, as the broker says: indexers' clocks differ. Never later than now, which a broker may say.

    By it items live or die (`item_ttl_s`), and one clock that is hours ahead would end all that the others keep.
    """
    return min(round(message.timestamp * 1000), now_ms)


def present_cluster(row: ItemIndexRow | None) -> int:
    """Where the item is filed, -1 for nowhere. With several facets the first one stands for the item."""
    return row.clusters[0] if row is not None and row.clusters else NO_CLUSTER


class PartitionRows:
    """Rows of `items` and `item_index` for one step, loaded at once, with the share that they add up to."""

    def __init__(self, step: Step[Any], partition: int, tables: IndexTables, share: ClusterShare) -> None:
        self._step, self._partition, self._tables, self._share = step, partition, tables, share
        self._marks: dict[str, ItemMark | None] = {}
        self._index: dict[str, ItemIndexRow | None] = {}

    def load(self, ids: Iterable[str]) -> None:
        """Read the rows of these items from the tables."""
        wanted = [item for item in ids if item not in self._marks]
        keys = [item.encode() for item in wanted]
        marks = self._tables.items.multi_get(self._partition, keys)
        index = self._tables.item_index.multi_get(self._partition, keys)
        for item, mark, row in zip(wanted, marks, index, strict=True):
            self._marks[item] = None if mark is None else decode_mark(mark)
            self._index[item] = None if row is None else decode_item_index(row)

    def mark(self, item: str) -> ItemMark | None:
        """What `items` says of a loaded item, None if it has no row."""
        return self._marks[item]

    def index(self, item: str) -> ItemIndexRow | None:
        """Where a loaded item is filed, None if it has no row."""
        return self._index[item]

    def put_item(self, item: str, row: ItemRow) -> None:
        """Write an `items` row."""
        self._marks[item] = ItemMark(row.published, row.deleted, row.bare)
        self._step.put(self._tables.items, self._partition, item.encode(), encode(row))

    def put_index(self, item: str, row: ItemIndexRow) -> None:
        """Write an `item_index` row; the item moves to its cluster."""
        before = self._index[item]
        self._share.move(None if before is None else present_cluster(before), present_cluster(row))
        self._index[item] = row
        self._step.put(self._tables.item_index, self._partition, item.encode(), encode(row))

    def drop_index(self, item: str) -> None:
        """Remove the `item_index` row, if there is one."""
        before = self._index[item]
        if before is not None:
            self._share.move(present_cluster(before), None)
            self._index[item] = None
            self._step.put(self._tables.item_index, self._partition, item.encode(), None)

    def delete(self, item: str, now_ms: int) -> None:
        """Leave a mark of the item, and no row in the index: exposures that still come count for none."""
        before = self._marks[item]
        self.put_item(item, ItemRow({}, {}, before.published if before else now_ms, deleted=now_ms))
        self.drop_index(item)

    def add_exposures(self, cluster: int, count: int) -> None:
        """Count exposures where they belong."""
        self._share.add_exposures(cluster, count)

    def close(self, now_ms: int) -> None:
        """Write the cluster rows that changed; to be called once, at the end of the step."""
        for key, row in self._share.take_changed(now_ms):
            self._step.put(self._tables.clusters, self._partition, key, encode(row))
