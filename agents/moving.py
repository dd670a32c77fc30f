"""Rows that moved to another home partition because there are more of them: read, and written where they live now."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from streamvq_client.partitioner import partition_of
from streamvq_client.rows import decode_item_index, encode

from agents.cluster_share import ClusterShare
from agents.partition_rows import present_cluster
from schemas.errors import UnreachableError
from tables.offsets import reader
from tables.transaction import Record

ROWS_AT_A_TIME = 10_000  # of each table, in one transaction
MAX_RECORDS = 10_000
SILENCE_S = 60.0
Rows = dict[bytes, bytes]
Records = dict[TopicPartition, list[Record]]


class Strays(NamedTuple):
    """Rows of one partition that live elsewhere now, by table."""

    partition: int
    tables: Mapping[str, Rows]

    def __len__(self) -> int:
        return sum(map(len, self.tables.values()))

    def pieces(self) -> Iterator["Strays"]:
        """Some keys at a time, each with its rows of every table: they move together."""
        keys = iter(dict.fromkeys(key for rows in self.tables.values() for key in rows))
        while chosen := list(islice(keys, ROWS_AT_A_TIME)):
            yield Strays(
                self.partition,
                {topic: {key: rows[key] for key in chosen if key in rows} for topic, rows in self.tables.items()},
            )


class Homes:
    """Where keys live among `partitions`, and what a partition holds of others."""

    def __init__(self, connection: Mapping[str, Any], partitions: int) -> None:
        self._connection, self._partitions = connection, partitions

    def of(self, key: bytes) -> int:
        """Home of a key."""
        return partition_of(key, self._partitions)

    async def strays(self, topics: Sequence[str], partition: int) -> Strays:
        """Rows in a partition that do not live there any more."""
        rows = [await self._read(topic, partition, lambda key: self.of(key) != partition) for topic in topics]
        return Strays(partition, dict(zip(topics, rows, strict=True)))

    async def shares(self, topic: str) -> "ClusterShares":
        """The table `clusters`, a share a partition."""
        rows = [await self._read(topic, number, lambda _: True) for number in range(self._partitions)]
        return ClusterShares(topic, [ClusterShare(share.items()) for share in rows])

    async def _read(self, topic: str, partition: int, keep: Callable[[bytes], bool]) -> Rows:
        place, rows = TopicPartition(topic, partition), Rows()
        async with reader(self._connection) as consumer:
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            end = (await consumer.end_offsets([place]))[place]
            reached, moved = 0, time.monotonic()
            while (position := await consumer.position(place)) < end:
                if position > reached:
                    reached, moved = position, time.monotonic()
                elif time.monotonic() - moved > SILENCE_S:
                    raise UnreachableError(
                        f"{topic}-{partition} was read up to {position} of {end}, then nothing came for "
                        f"{SILENCE_S:g} s: see what holds Kafka up, then run it again"
                    )
                fetched = await consumer.getmany(place, timeout_ms=100, max_records=MAX_RECORDS)
                for record in fetched.get(place, []):
                    if record.value is None:
                        rows.pop(record.key, None)
                    elif keep(record.key):
                        rows[record.key] = record.value
        return rows

    def moved(self, strays: Strays) -> Records:
        """Each row at its home, and a mark where it was."""
        records: Records = {}
        for topic, rows in strays.tables.items():
            for key, value in rows.items():
                records.setdefault(TopicPartition(topic, strays.partition), []).append(Record(key, None))
                records.setdefault(TopicPartition(topic, self.of(key)), []).append(Record(key, value))
        return records


class ClusterShares:
    """Shares by partition: items move with their rows of `item_index`, exposures stay where they were counted."""

    def __init__(self, topic: str, shares: Sequence[ClusterShare]) -> None:
        self._topic, self._shares = topic, shares

    def moved(self, index: Mapping[bytes, bytes], partition: int, homes: Homes) -> Records:
        """Rows of `clusters` that change when these rows of `item_index` leave a partition."""
        for key, value in index.items():
            cluster = present_cluster(decode_item_index(value))
            self._shares[partition].move(cluster, None)
            self._shares[homes.of(key)].move(None, cluster)
        now_ms = time.time_ns() // 1_000_000
        changed = [(number, share.take_changed(now_ms)) for number, share in enumerate(self._shares)]
        return {
            TopicPartition(self._topic, number): [Record(key, encode(row)) for key, row in rows]
            for number, rows in changed
            if rows
        }
