"""One transaction: everything or nothing, and where the rows ended up."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced
from aiokafka.structs import ConsumerRecord

from tables.errors import RowSizeError
from tables.offsets import committed_offsets
from tables.transaction import MAX_BATCH_BYTES, MAX_RECORD_BYTES, Record, publish
from tests.tables.kafka_state import DEADLINE_S, read_topic

CONFIG = {"max.message.bytes": str(8 << 20)}


@pytest.fixture
async def topics(bootstrap: str, prefix: str) -> tuple[str, str]:
    names = (f"{prefix}-rows", f"{prefix}-letters")
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 2, 1, topic_configs=CONFIG) for name in names])
    await admin.close()
    return names


@pytest.fixture
async def producer(bootstrap: str, prefix: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=prefix, max_batch_size=MAX_BATCH_BYTES, retry_backoff_ms=3
    )
    await producer.start()
    yield producer
    await producer.stop()


async def read_committed(bootstrap: str, topic: str, partition: int) -> list[ConsumerRecord]:
    """What one transaction left there: its end is announced before the broker has written it everywhere."""
    async with asyncio.timeout(DEADLINE_S):
        while not (records := await read_topic(bootstrap, topic, [partition])):
            pass
    return records


async def test_many_batches_are_one_transaction(
    bootstrap: str, topics: tuple[str, str], producer: AIOKafkaProducer
) -> None:
    rows = [Record(b"%d" % n, b"v" * 1000) for n in range(2500)]
    home, letters, source = TopicPartition(topics[0], 1), TopicPartition(topics[1], 0), TopicPartition(topics[0], 0)
    letter = Record(None, b"bad", [("reason", b"not_json")])
    ends = await publish(producer, {home: rows, letters: [letter]}, {source: 42}, "group")
    records = await read_committed(bootstrap, topics[0], 1)
    assert [record.key for record in records] == [row.key for row in rows]
    assert ends == {home: records[-1].offset + 1, letters: 1}
    (read,) = await read_committed(bootstrap, topics[1], 0)
    assert (read.key, read.value, read.headers) == (None, b"bad", (("reason", b"not_json"),))
    assert await committed_offsets({"bootstrap_servers": bootstrap}, "group", [source]) == {source: 42}


async def test_a_row_larger_than_a_batch_goes_alone(
    bootstrap: str, topics: tuple[str, str], producer: AIOKafkaProducer
) -> None:
    tp = TopicPartition(topics[0], 0)
    large = Record(b"large", b"v" * (2 * MAX_BATCH_BYTES))
    ends = await publish(producer, {tp: [Record(b"a", b"1"), large, Record(b"b", None)]}, {}, "group")
    assert ends == {tp: 3}
    assert [record.key for record in await read_committed(bootstrap, topics[0], 0)] == [b"a", b"large", b"b"]


async def test_a_row_that_kafka_does_not_take_is_refused(topics: tuple[str, str], producer: AIOKafkaProducer) -> None:
    with pytest.raises(RowSizeError, match="at most"):
        await publish(producer, {TopicPartition(topics[0], 0): [Record(b"k", b"v" * MAX_RECORD_BYTES)]}, {}, "group")
    await producer.abort_transaction()


async def test_offsets_alone_are_a_transaction_too(
    bootstrap: str, topics: tuple[str, str], producer: AIOKafkaProducer
) -> None:
    source = TopicPartition(topics[0], 0)
    assert await publish(producer, {}, {source: 3}, "group-of-offsets") == {}
    assert await committed_offsets({"bootstrap_servers": bootstrap}, "group-of-offsets", [source]) == {source: 3}


async def test_a_producer_fenced_before_its_offsets_says_so(
    bootstrap: str, prefix: str, topics: tuple[str, str], producer: AIOKafkaProducer
) -> None:
    place = TopicPartition(topics[0], 0)
    await publish(producer, {place: [Record(b"a", b"1")]}, {}, "group")
    async with asyncio.timeout(DEADLINE_S):
        other = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=prefix)
        await other.start()
        await other.stop()
        fail_first = producer.send_offsets_to_transaction

        async def late(*arguments: object) -> None:
            while producer._txn_manager.is_in_transaction():  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.01)
            await fail_first(*arguments)

        producer.send_offsets_to_transaction = late
        with pytest.raises((ProducerFenced, InvalidProducerEpoch)):
            await publish(producer, {place: [Record(b"b", b"2")]}, {place: 1}, "group")
