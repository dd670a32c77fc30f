"""The live reader on a real broker."""

import time
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import BrokerMetadata
from client_topics import CreateProducer, CreateTopic, recreate
from streamvq_client import changelog
from streamvq_client.bookmark import Bookmark
from streamvq_client.changelog import ChangelogReader, Record
from streamvq_client.errors import ReadAgainError, ReaderError, TopicMissingError, TruncatedError, UnreachableError
from streamvq_client.lives import lives_from
from streamvq_client.partitioner import partition_of

DEADLINE_S = 30.0


async def read(reader: ChangelogReader, *, until: int | None = None) -> list[Record]:
    """Records until the reader is ready, or until there are this many."""
    records: list[Record] = []
    end = time.monotonic() + DEADLINE_S
    while len(records) < until if until is not None else not reader.ready:
        assert time.monotonic() < end, f"{len(records)} records, waiting for {reader.waiting_for()}"
        records += await reader.poll(timeout_ms=200)
    return records


async def poll_until_error(reader: ChangelogReader) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        await reader.poll(timeout_ms=100)


def values(records: list[Record]) -> list[bytes | None]:
    return [record.value for record in records]


async def test_everything_there_then_everything_added(
    connection: dict[str, Any], create_topic: CreateTopic, producer: AIOKafkaProducer
) -> None:
    topics = [await create_topic("a"), await create_topic("b", partitions=3)]
    for topic in topics:
        for number in range(50):
            await producer.send(topic, key=b"key-%d" % number, value=b"%d" % number, timestamp_ms=1_700_000_000_000)
    await producer.flush()
    async with ChangelogReader(connection, topics) as reader:
        assert not reader.ready
        assert reader.waiting_for() == dict.fromkeys(topics, 50)
        records = await read(reader)
        assert sorted(values(records), key=str) == sorted([b"%d" % number for number in range(50)] * 2, key=str)
        assert {record.timestamp for record in records} == {1_700_000_000_000}
        assert {record.partition for record in records if record.topic == topics[1]} == {0, 1, 2}
        assert reader.ready
        assert reader.waiting_for() == {}
        assert reader.lag() == dict.fromkeys(topics, 0)
        await producer.send_and_wait(topics[0], key=b"key-1", value=None, headers=[("why", b"gone")])
        (record,) = await read(reader, until=1)
        assert (record.key, record.value, record.headers) == (b"key-1", None, (("why", b"gone"),))
        assert reader.silent_s() < 5


async def test_order_within_a_partition_holds_and_a_poll_is_bounded(
    connection: dict[str, Any], create_topic: CreateTopic, producer: AIOKafkaProducer
) -> None:
    topic = await create_topic(partitions=1)
    for number in range(100):
        await producer.send(topic, key=b"k", value=b"%d" % number)
    await producer.flush()
    async with ChangelogReader(connection, [topic]) as reader:
        polled: list[list[Record]] = []
        while not reader.ready:
            polled.append(await reader.poll(max_records=7, timeout_ms=5000))
    assert max(map(len, polled)) == 7
    assert [record.offset for records in polled for record in records] == list(range(100))


async def test_only_committed_records_are_read(
    connection: dict[str, Any], create_topic: CreateTopic, create_producer: CreateProducer, prefix: str
) -> None:
    topic = await create_topic(partitions=1)
    done = await create_producer(transactional_id=f"{prefix}-done")
    async with done.transaction():
        await done.send(topic, b"committed", key=b"a")
    await done.begin_transaction()
    await done.send_and_wait(topic, b"aborted", key=b"a")
    await done.abort_transaction()
    opened = await create_producer(transactional_id=f"{prefix}-open")
    await opened.begin_transaction()
    await opened.send_and_wait(topic, b"open", key=b"a")
    await done.begin_transaction()
    await done.send(topic, b"behind the open one", key=b"b")
    await done.commit_transaction()
    async with ChangelogReader(connection, [topic], timeout_s=10) as reader:
        assert values(await read(reader)) == [b"committed"], "an open transaction must not keep it from being ready"
        assert await reader.poll(timeout_ms=300) == []
        await opened.commit_transaction()
        assert values(await read(reader, until=2)) == [b"open", b"behind the open one"]
        assert reader.lag() == {topic: 0}


async def test_ready_without_a_last_record(
    connection: dict[str, Any], create_topic: CreateTopic, create_producer: CreateProducer, prefix: str
) -> None:
    empty, aborted = await create_topic("empty", partitions=3), await create_topic("aborted", partitions=1)
    transactional = await create_producer(transactional_id=f"{prefix}-t")
    for _ in range(3):
        await transactional.begin_transaction()
        await transactional.send_and_wait(aborted, b"never", key=b"a")
        await transactional.abort_transaction()
    async with ChangelogReader(connection, [empty]) as reader:
        assert reader.ready, "there is nothing to wait for"
    async with ChangelogReader(connection, [empty, aborted]) as reader:
        assert not reader.ready
        assert await read(reader) == []
        assert reader.positions == {(empty, 0): 0, (empty, 1): 0, (empty, 2): 0, (aborted, 0): 6}


async def test_compaction_leaves_gaps_and_the_reader_gets_over_them(
    connection: dict[str, Any], create_topic: CreateTopic, create_producer: CreateProducer, prefix: str
) -> None:
    topic = await create_topic(
        partitions=1,
        cleanup_policy="compact",
        segment_ms="500",
        min_cleanable_dirty_ratio="0.01",
        delete_retention_ms="0",
        min_compaction_lag_ms="0",
    )
    producer = await create_producer(transactional_id=f"{prefix}-t")
    await producer_once(producer, topic)
    latest, written, end = {b"first": b"written once"}, 0, time.monotonic() + 60
    while True:
        async with producer.transaction():
            for number in range(100):
                key = b"key-%d" % (number % 10)
                latest[key] = b"%d" % written
                await producer.send(topic, latest[key], key=key)
                written += 1
        async with ChangelogReader(connection, [topic]) as reader:
            records = await read(reader)
            state = {record.key: record.value for record in records}
            assert state == latest, "the last value of every key, compacted or not"
        if len(records) < written / 2:
            break
        assert time.monotonic() < end, f"Kafka compacted nothing: {len(records)} of {written} records are left"
        await reader_pause(connection, topic)
    offsets = [record.offset for record in records]
    assert offsets == sorted(offsets)
    assert offsets[0] == 0
    assert offsets[-1] > 2 * len(offsets), "there are gaps"


async def producer_once(producer: AIOKafkaProducer, topic: str) -> None:
    async with producer.transaction():
        await producer.send(topic, b"written once", key=b"first")


async def reader_pause(connection: dict[str, Any], topic: str) -> None:
    """Half a second in which nothing comes: the segment must age before Kafka closes it."""
    async with ChangelogReader(connection, [topic]) as reader:
        await read(reader)
        assert await reader.poll(timeout_ms=500) == []


async def test_going_on_from_known_positions(
    connection: dict[str, Any], create_topic: CreateTopic, producer: AIOKafkaProducer
) -> None:
    topic = await create_topic()
    for number in range(20):
        await producer.send_and_wait(topic, key=b"%d" % number, value=b"old")
    async with ChangelogReader(connection, [topic]) as reader:
        await read(reader)
    await producer.send_and_wait(topic, key=b"1", value=b"new")
    bookmark = msgspec.json.decode(msgspec.json.encode(reader.bookmark()), type=Bookmark)
    async with ChangelogReader(connection, [topic], bookmark=bookmark) as reader:
        assert values(await read(reader)) == [b"new"]


async def test_a_bookmark_older_than_deletions_live_is_good_only_where_nothing_was_written(
    connection: dict[str, Any], create_topic: CreateTopic, producer: AIOKafkaProducer
) -> None:
    topic = await create_topic(cleanup_policy="compact", delete_retention_ms="60000")
    await producer.send_and_wait(topic, key=b"1", value=b"x")
    async with ChangelogReader(connection, [topic]) as reader:
        await read(reader)
    bookmark = reader.bookmark()
    assert bookmark.at == pytest.approx(time.time(), abs=DEADLINE_S)
    old = msgspec.structs.replace(bookmark, at=bookmark.at - 100)
    async with ChangelogReader(connection, [topic], bookmark=old) as reader:
        assert reader.ready
    await producer.send_and_wait(topic, key=b"1", value=None)
    async with ChangelogReader(connection, [topic], bookmark=bookmark) as reader:
        assert values(await read(reader)) == [None]
    with pytest.raises(ReadAgainError, match="deletions since then"):
        await ChangelogReader(connection, [topic], bookmark=old).start()


async def test_only_the_home_partitions_of_keys(
    connection: dict[str, Any], create_topic: CreateTopic, producer: AIOKafkaProducer
) -> None:
    topic = await create_topic(partitions=8)
    for number in range(64):
        await producer.send(topic, key=b"%d" % number, value=b"x")
    await producer.flush()
    async with ChangelogReader(connection, [topic], keys=[b"7", b"8"]) as reader:
        records = await read(reader)
    assert {record.partition for record in records} == {partition_of(b"7", 8), partition_of(b"8", 8)}
    assert {b"7", b"8"} <= {record.key for record in records}


async def test_a_topic_that_does_not_exist(connection: dict[str, Any], prefix: str) -> None:
    with pytest.raises(TopicMissingError, match=f"no topic {prefix}-nothing"):
        await ChangelogReader(connection, [f"{prefix}-nothing"]).start()


async def test_a_broker_that_does_not_answer() -> None:
    began = time.monotonic()
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1 did not answer"):
        await ChangelogReader({"bootstrap_servers": "127.0.0.1:1"}, ["t"], timeout_s=2).start()
    assert time.monotonic() - began < 10


async def test_a_reader_that_was_not_started() -> None:
    with pytest.raises(ReaderError, match="async with"):
        await ChangelogReader({}, ["t"]).poll()


async def test_new_partitions_mean_reading_again(
    connection: dict[str, Any], create_topic: CreateTopic, admin: AIOKafkaAdminClient
) -> None:
    topic = await create_topic(partitions=2)
    async with ChangelogReader(connection, [topic]) as reader:
        await admin.create_partitions({topic: NewPartitions(total_count=3)})
        with pytest.raises(ReadAgainError, match=f"{topic} has 3 partitions now, 2 when"):
            await poll_until_error(reader)
        bookmark = reader.bookmark()
    bookmark.offsets[topic][3] = 0
    with pytest.raises(ReadAgainError, match="no partition"):
        await ChangelogReader(connection, [topic], bookmark=bookmark).start()


async def test_a_deleted_topic_ends_the_reader(
    connection: dict[str, Any], create_topic: CreateTopic, admin: AIOKafkaAdminClient
) -> None:
    topic = await create_topic()
    async with ChangelogReader(connection, [topic], timeout_s=1.5) as reader:
        await admin.delete_topics([topic])
        with pytest.raises(TopicMissingError, match="any more"):
            await poll_until_error(reader)


async def test_a_topic_created_anew_means_reading_again(
    connection: dict[str, Any], create_topic: CreateTopic, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer
) -> None:
    topic = await create_topic(partitions=1)
    for _ in range(5):
        await producer.send_and_wait(topic, b"x", key=b"k")
    async with ChangelogReader(connection, [topic]) as reader:
        await read(reader)
        bookmark = reader.bookmark()
        await admin.delete_topics([topic])
        await recreate(admin, topic)
        with pytest.raises(ReadAgainError, match="truncated or created anew"):
            await poll_until_error(reader)
    unnamed = msgspec.structs.replace(bookmark, ids={})  # as of a broker that tells no ids
    with pytest.raises(ReadAgainError, match=r"holds 0\.\.0, not 5"):
        await ChangelogReader(connection, [topic], bookmark=unnamed).start()


async def test_a_topic_created_anew_is_told_from_the_old_one_when_it_is_longer_too(
    connection: dict[str, Any],
    create_topic: CreateTopic,
    admin: AIOKafkaAdminClient,
    producer: AIOKafkaProducer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = await create_topic(partitions=1)
    await producer.send_and_wait(topic, b"old", key=b"k")
    async with ChangelogReader(connection, [topic]) as reader:
        await read(reader)
        bookmark = reader.bookmark()
    await admin.delete_topics([topic])
    await recreate(admin, topic)
    for _ in range(5):
        await producer.send_and_wait(topic, b"new", key=b"k")
    with pytest.raises(ReadAgainError, match="deleted and created anew"):
        await ChangelogReader(connection, [topic], bookmark=bookmark).start()
    monkeypatch.setattr(changelog, "LIVES_S", 0.2)
    async with ChangelogReader(connection, [topic]) as reader:
        await read(reader)
        await admin.delete_topics([topic])
        await recreate(admin, topic)
        for _ in range(9):
            await producer.send_and_wait(topic, b"newest", key=b"k")
        with pytest.raises(ReadAgainError, match="created anew"):
            await poll_until_error(reader)


async def test_bookmarks_below_what_is_left_mean_reading_again(
    connection: dict[str, Any], create_topic: CreateTopic, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer
) -> None:
    topic = await create_topic(partitions=1)
    for _ in range(5):
        await producer.send_and_wait(topic, b"x", key=b"k")
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=3)})
    bookmark = Bookmark({topic: {0: 1}}, {}, time.time())
    with pytest.raises(ReadAgainError, match=r"holds 3\.\.5, not 1"):
        await ChangelogReader(connection, [topic], bookmark=bookmark).start()
    with pytest.raises(TruncatedError, match=r"records 0 to 2 .*svq topics check"):
        await ChangelogReader(connection, [topic]).start()
    async with ChangelogReader(connection, [topic], shortened=[topic]) as reader:
        assert [record.offset for record in await read(reader)] == [3, 4]


async def test_a_reader_that_slept_for_longer_than_deletions_live_says_so(
    connection: dict[str, Any], create_topic: CreateTopic, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await create_topic(cleanup_policy="compact", delete_retention_ms="200000")
    await producer.send_and_wait(topic, b"x", key=b"k")
    async with ChangelogReader(connection, [topic]) as reader:
        await read(reader)
        later = changelog.steady_now() + 101
        monkeypatch.setattr(changelog, "steady_now", lambda: later)
        with pytest.raises(ReadAgainError, match="asleep or busy for 10"):
            await reader.poll()


async def test_another_broker_is_asked_where_one_is_away(bootstrap: str, create_topic: CreateTopic) -> None:
    topic = await create_topic()
    for _ in range(8):  # which broker is asked first is left to chance
        client = AIOKafkaClient(bootstrap_servers=bootstrap)
        await client.bootstrap()
        away = BrokerMetadata(nodeId=99, host="127.0.0.1", port=1, rack=None)
        client.cluster._brokers[away.nodeId] = away
        try:
            assert (await lives_from(client, [topic]))[topic].id
        finally:
            await client.close()


async def test_iterating_yields_what_arrives(
    connection: dict[str, Any], create_topic: CreateTopic, producer: AIOKafkaProducer
) -> None:
    topic = await create_topic()
    async with ChangelogReader(connection, [topic]) as reader:
        await producer.send_and_wait(topic, b"x", key=b"k")
        async for records in reader:
            assert values(records) == [b"x"]
            break
