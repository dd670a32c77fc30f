"""What one step writes, gathered until its transaction."""

from collections.abc import Sequence
from typing import Generic

from aiokafka import TopicPartition

from tables.position import E
from tables.table import Table
from tables.transaction import Record


class Step(Generic[E]):
    """What one transaction carries. Nothing of it happened before the `async with` that gave it has ended.

    Attributes:
        events: the events that belong to this step, in order a source, each once.
    """

    def __init__(self, events: list[E]) -> None:
        self.events = events
        self.rows: dict[tuple[Table, int], dict[bytes, bytes | None]] = {}
        self.records: dict[TopicPartition, list[Record]] = {}
        self.offsets: dict[TopicPartition, int] = {}

    def get(self, table: Table, partition: int, key: bytes) -> bytes | None:
        """A row as of this step: what it put, else what the table holds."""
        rows = self.rows.get((table, partition))
        return rows[key] if rows is not None and key in rows else table.get(partition, key)

    def put(self, table: Table, partition: int, key: bytes, value: bytes | None) -> None:
        """Write a row, None to delete it; the last value of a key counts."""
        self.rows.setdefault((table, partition), {})[key] = value

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Publish a record that is no row."""
        self.records.setdefault(TopicPartition(topic, partition), []).append(Record(key, value, headers))

    def advance(self, source: TopicPartition, next_offset: int) -> None:
        """Commit that `next_offset` is the first record of a source that has not had its effect."""
        self.offsets[source] = next_offset

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (self.rows or self.records or self.offsets)
