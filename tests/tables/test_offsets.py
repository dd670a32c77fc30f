"""Where streams go on, and when they must not."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.errors import UnreachableError
from tables.errors import LostOffsetsError, LostRecordsError
from tables.offsets import committed_offsets, first_record, probe, starting_offsets

A, B = TopicPartition("events", 0), TopicPartition("events", 1)
ENDS = {A: 20, B: 20}


def test_a_new_group_starts_at_the_beginning() -> None:
    assert starting_offsets("g", {A: None, B: 7}, {A: 3, B: 0}, ENDS, tables_written=False) == {A: 3, B: 7}


def test_rows_without_an_offset_are_an_error_with_a_remedy() -> None:
    with pytest.raises(LostOffsetsError, match=r"--group g --topic events:0 --reset-offsets"):
        starting_offsets("g", {A: None, B: 7}, {A: 0, B: 0}, ENDS, tables_written=True)


def test_records_deleted_unread_are_an_error_with_a_remedy() -> None:
    with pytest.raises(LostRecordsError, match=r"records 7 to 9 of events-1 .* --to-earliest"):
        starting_offsets("g", {A: 3, B: 7}, {A: 0, B: 10}, ENDS, tables_written=True)


def test_an_offset_behind_the_end_is_an_error_with_a_remedy() -> None:
    with pytest.raises(LostRecordsError, match=r"up to offset 21, but it ends at 20"):
        starting_offsets("g", {A: 3, B: 21}, {A: 0, B: 0}, ENDS, tables_written=True)


@pytest.fixture
async def topic(bootstrap: str, prefix: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(f"{prefix}-events", 2, 1)])
    await admin.close()
    return f"{prefix}-events"


async def test_committed_offsets_are_those_of_the_group(bootstrap: str, topic: str) -> None:
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=topic, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([first])
    await consumer.commit({first: 5})
    await consumer.stop()
    found = await committed_offsets({"bootstrap_servers": bootstrap}, topic, [first, second])
    assert found == {first: 5, second: None}


async def test_the_first_record_is_the_first_committed_one(bootstrap: str, topic: str) -> None:
    connection, tp = {"bootstrap_servers": bootstrap}, TopicPartition(topic, 0)
    producer = AIOKafkaProducer(**connection, transactional_id=topic, retry_backoff_ms=3)
    await producer.start()
    for commit in (True, False, True):
        await producer.begin_transaction()
        await producer.send(topic, b"x", partition=0)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()
    # record 0, marker 1, aborted 2, marker 3, record 4, marker 5
    assert [await first_record(connection, tp, at) for at in (0, 1, 2, 4)] == [0, 4, 4, 4]
    assert await probe(connection, tp, 5, wait_s=10) == (None, 6)
    with pytest.raises(UnreachableError, match="no committed record"):
        await first_record(connection, tp, 5, wait_s=0.5)
