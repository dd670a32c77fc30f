"""The present state of a table, on a real broker."""

from typing import Any

from aiokafka import AIOKafkaProducer
from client_topics import CreateTopic
from streamvq_client.snapshot import read_table, read_topic


async def test_the_last_value_of_each_key_counts_and_deleted_keys_are_gone(
    connection: dict[str, Any], create_topic: CreateTopic, producer: AIOKafkaProducer
) -> None:
    topic = await create_topic(partitions=1)
    for key, value in (
        (b"a", b"1"),
        (b"b", b"1"),
        (b"a", b"2"),
        (b"b", None),
        (b"c", b"1"),
        (b"c", None),
        (b"c", b"2"),
    ):
        await producer.send_and_wait(topic, key=key, value=value)
    await producer.send_and_wait(topic, key=None, value=b"no row at all")
    rows = await read_table(connection, topic)
    assert {place: record.value for place, record in rows.items()} == {(0, b"a"): b"2", (0, b"c"): b"2"}
    assert len([record async for record in read_topic(connection, topic)]) == 8


async def test_some_rows_only(
    connection: dict[str, Any], create_topic: CreateTopic, producer: AIOKafkaProducer
) -> None:
    topic = await create_topic(partitions=4)
    for number in range(40):
        await producer.send(topic, key=b"%d" % number, value=b"x")
    await producer.flush()
    assert {key for _, key in await read_table(connection, topic, keys=[b"3", b"33", b"nobody"])} == {b"3", b"33"}
    found = {key for _, key in await read_table(connection, topic, key_prefix=b"3")}
    assert found == {b"3", *(b"3%d" % number for number in range(10))}


async def test_the_same_key_in_two_partitions_is_two_shares(
    connection: dict[str, Any], create_topic: CreateTopic, producer: AIOKafkaProducer
) -> None:
    topic = await create_topic(partitions=2)
    for partition in range(2):
        await producer.send_and_wait(topic, key=b"17", value=b"share %d" % partition, partition=partition)
    rows = await read_table(connection, topic)
    assert {place: record.value for place, record in rows.items()} == {(0, b"17"): b"share 0", (1, b"17"): b"share 1"}


async def test_an_empty_topic_is_an_empty_table(connection: dict[str, Any], create_topic: CreateTopic) -> None:
    assert await read_table(connection, await create_topic()) == {}
