"""The live copy of an index on a real broker: rows, changes, and what happens when all of it must be read anew."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from client_topics import CreateTopic, recreate
from streamvq_client import changelog
from streamvq_client.errors import FormatError, ReadAgainError, ReaderError, TopicMissingError, UnreachableError
from streamvq_client.index_reader import Change, IndexReader
from streamvq_client.live_reader import LiveReader
from streamvq_client.partitioner import partition_of
from streamvq_client.rows import ClusterRow, ItemIndexRow, ItemRow, Row, encode
from streamvq_client.tables import TABLES

DEADLINE_S = 30.0
NOW = 1_700_000_000_000


def filed(cluster: int) -> ItemIndexRow:
    return ItemIndexRow([cluster], [0.5], [1.0], 2, 1 << 60, NOW, NOW)


class Index:
    """Tables with two partitions, written as indexers would."""

    def __init__(self, prefix: str, producer: AIOKafkaProducer) -> None:
        self.prefix = prefix
        self._producer = producer

    async def write(self, table: str, key: str, row: Row | None, partition: int | None = None) -> None:
        name = key.encode()
        place = partition_of(name, 2) if partition is None else partition
        value = None if row is None else encode(row)
        await self._producer.send_and_wait(TABLES[table].topic(self.prefix), value, key=name, partition=place)


@pytest.fixture
async def index(create_topic: CreateTopic, producer: AIOKafkaProducer, prefix: str) -> Index:
    for table in TABLES.values():
        await create_topic(table.topic("")[1:], cleanup_policy="compact")
    index = Index(prefix, producer)
    for item in range(10):
        await index.write("item_index", f"i{item}", filed(item % 3))
    for partition in range(2):
        await index.write("clusters", "0", ClusterRow(2, 10, NOW + partition), partition)
    return index


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def test_rows_are_there_and_follow(index: Index, connection: dict[str, Any]) -> None:
    changes: list[Change] = []
    async with IndexReader(connection, index.prefix) as reader:
        await reader.until_ready(DEADLINE_S)
        assert reader.ready
        assert len(reader.item_index) == 10
        assert reader.item_index["i4"] == filed(1)
        assert reader.items_of(1) == {"i1", "i4", "i7"}
        assert reader.clusters == {0: ClusterRow(4, 20, NOW + 1)}
        assert reader.lag() == {"item_index": 0, "clusters": 0}
        assert reader.silent_s() < DEADLINE_S
        stop = reader.on_change(changes.append)
        await index.write("item_index", "i4", filed(7))
        await index.write("clusters", "0", ClusterRow(3, 11, NOW + 9), 0)
        await until(lambda: len(changes) == 2)
        await index.write("item_index", "i4", filed(7))  # nothing changes
        await index.write("item_index", "i7", None)
        await until(lambda: len(changes) == 3)
        assert {(change.table, change.key): change[2:] for change in changes} == {
            ("item_index", "i4"): (filed(1), filed(7)),
            ("clusters", 0): (ClusterRow(4, 20, NOW + 1), ClusterRow(5, 21, NOW + 9)),
            ("item_index", "i7"): (filed(1), None),
        }
        assert (reader.items_of(1), reader.items_of(7), reader.items_of(99)) == ({"i1"}, {"i4"}, frozenset())
        stop()
        await index.write("item_index", "last", filed(0))
        await until(lambda: "last" in reader.item_index)
        assert len(changes) == 3
    assert "last" in reader.item_index, "rows stay when it is closed"


async def test_items_that_are_deleted_are_not_there(index: Index, connection: dict[str, Any]) -> None:
    await index.write("items", "i1", ItemRow({"genre": "a"}, {"title": "A"}, NOW))
    await index.write("items", "i2", ItemRow({}, {}, NOW, deleted=NOW))
    async with IndexReader(connection, index.prefix, tables=["items"]) as reader:
        await reader.until_ready(DEADLINE_S)
        assert {name: row.attributes for name, row in reader.items.items()} == {"i1": {"title": "A"}}
        with pytest.raises(ReaderError, match="name it in `tables`"):
            _ = reader.clusters


async def test_everything_is_read_anew_while_the_old_rows_stay_in_use(
    index: Index, connection: dict[str, Any], admin: AIOKafkaAdminClient
) -> None:
    changes: list[Change] = []
    async with IndexReader(connection, index.prefix) as reader:
        await reader.until_ready(DEADLINE_S)
        reader.on_change(changes.append)
        sizes: set[int] = set()

        def anew() -> bool:
            sizes.add(len(reader.item_index))
            return reader.reading_anew

        # Another number of partitions: those of the rows that live elsewhere now count as gone, as nobody moved them.
        await admin.create_partitions({TABLES["item_index"].topic(index.prefix): NewPartitions(total_count=4)})
        await until(anew)
        await until(lambda: not anew())
        stayed = {f"i{n}" for n in range(10) if partition_of(b"i%d" % n, 2) == partition_of(b"i%d" % n, 4)}
        assert reader.ready
        assert set(reader.item_index) == stayed
        assert {change.key for change in changes} == {f"i{n}" for n in range(10)} - stayed
        assert all(change.after is None for change in changes), "what stayed did not change"
        assert reader.clusters == {0: ClusterRow(4, 20, NOW + 1)}
        assert max(sizes) == 10
        new = next(name for name in (f"n{n}" for n in range(99)) if partition_of(name.encode(), 4) == 1)
        await index.write("item_index", new, filed(2), 1)
        await until(lambda: new in reader.item_index)


async def test_what_is_no_row_ends_the_reader_and_it_says_so(
    index: Index, connection: dict[str, Any], producer: AIOKafkaProducer
) -> None:
    topic = TABLES["item_index"].topic(index.prefix)
    async with IndexReader(connection, index.prefix) as reader:
        await reader.until_ready(DEADLINE_S)
        await producer.send_and_wait(topic, b"no row", key=b"i1", partition=partition_of(b"i1", 2))
        await until(lambda: not reader.ready)
        with pytest.raises(FormatError, match=f"{topic} partition {partition_of(b'i1', 2)} offset"):
            reader.check()
        assert reader.item_index["i1"] == filed(1)
    async with IndexReader(connection, index.prefix) as reader:
        with pytest.raises(FormatError):
            await reader.until_ready(DEADLINE_S)


async def test_an_exception_of_a_callback_ends_the_reader_with_it(index: Index, connection: dict[str, Any]) -> None:
    reader = IndexReader(connection, index.prefix)
    reader.on_change(lambda change: print(1 / (len(change.table) - len(change.table))))
    async with reader:
        with pytest.raises(ZeroDivisionError):
            await reader.until_ready(DEADLINE_S)


async def test_a_reader_that_cannot_begin(connection: dict[str, Any], prefix: str) -> None:
    with pytest.raises(TopicMissingError):
        await IndexReader(connection, prefix).start()
    with pytest.raises(UnreachableError):
        await IndexReader("127.0.0.1:1", timeout_s=0.5).start()


async def test_without_kafka_everything_old_stays_until_it_is_back(
    index: Index, connection: dict[str, Any], admin: AIOKafkaAdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = TABLES["item_index"].topic(index.prefix)
    used = [(0, b"i1"), (0, b"gone")]
    async with LiveReader(connection, [topic], lambda _: used, timeout_s=5) as reader:
        await until_ready(reader)
        monkeypatch.setitem(reader._connection, "bootstrap_servers", "127.0.0.1:1")  # type: ignore[index]
        await admin.create_partitions({topic: NewPartitions(total_count=3)})
        end = time.monotonic() + DEADLINE_S
        while not reader.reading_anew or reader.silent_s() < 1:
            assert await reader.poll(timeout_ms=100) == []
            assert time.monotonic() < end
        assert reader.ready
        assert topic in reader.waiting_for()
        monkeypatch.undo()
        records = []
        while reader.reading_anew:
            records += await reader.poll(max_records=3, timeout_ms=100)
            assert time.monotonic() < end + DEADLINE_S
        assert [record.key for record in records if record.value is None][-1] == b"gone"
        assert reader.readings == 2


async def test_topics_created_anew_are_another_life_which_some_readers_do_not_want(
    index: Index, connection: dict[str, Any], admin: AIOKafkaAdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelog, "LIVES_S", 0.2)
    topic = TABLES["clusters"].topic(index.prefix)
    async with (
        IndexReader(connection, index.prefix, tables=["clusters"]) as reader,
        LiveReader(connection, [topic], lambda _: [], one_life=True) as strict,
    ):
        await reader.until_ready(DEADLINE_S)
        await until_ready(strict)
        await admin.delete_topics([topic])
        await recreate(admin, topic, partitions=2)
        await index.write("clusters", "5", ClusterRow(1, 1, NOW), 1)
        await until(lambda: reader.clusters == {5: ClusterRow(1, 1, NOW)})
        with pytest.raises(ReadAgainError, match="created anew"):
            await poll_for_ever(strict)


async def poll_for_ever(reader: LiveReader) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        await reader.poll(timeout_ms=100)


async def until_ready(reader: LiveReader) -> None:
    end = time.monotonic() + DEADLINE_S
    while not reader.ready:
        await reader.poll(timeout_ms=100)
        assert time.monotonic() < end
