"""What Kafka holds, read the slow and obvious way: create topics, publish, read a topic up to its end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import PolicyViolationError
from aiokafka.structs import ConsumerRecord

DEADLINE_S = 30.0


@asynccontextmanager
async def topics(bootstrap: str, names: Iterable[str], partitions: int, **config: str) -> AsyncIterator[None]:
    """Topics that exist inside the block; changelogs are compacted."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    wanted = list(names)
    try:
        policy = {name: "compact" if name.endswith("-changelog") else "delete" for name in wanted}
        await admin.create_topics(
            [NewTopic(name, partitions, 1, topic_configs={"cleanup.policy": policy[name], **config}) for name in wanted]
        )
        yield
        await admin.delete_topics(wanted)
    finally:
        await admin.close()


async def alter_topic(bootstrap: str, topic: str, **config: str) -> None:
    """Set the configuration of a topic to nothing but this, until the broker shows it."""
    wanted = {name.replace("_", "."): value for name, value in config.items()}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(DEADLINE_S):
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])
            shown: dict[str, str] = {}
            while not wanted.items() <= shown.items():
                (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
                shown = {name: value for name, value, *_ in answer.resources[0][4]}
    finally:
        await admin.close()


async def lose_beginning(bootstrap: str, place: TopicPartition, before: int) -> None:
    """What a delete policy does to a table. A compacted topic keeps its beginning: Kafka refuses to delete from it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        with contextlib.suppress(PolicyViolationError):
            await admin.delete_records({place: RecordsToDelete(before_offset=before)})
            raise AssertionError("Kafka deleted from a compacted topic")
        await alter_topic(bootstrap, place.topic, cleanup_policy="delete")
        await admin.delete_records({place: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


async def read_topic(bootstrap: str, topic: str, partitions: Iterable[int]) -> list[ConsumerRecord]:
    """Every committed record of a topic, up to the end it has now."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    records: list[ConsumerRecord] = []
    try:
        async with asyncio.timeout(DEADLINE_S):
            tps = [TopicPartition(topic, partition) for partition in partitions]
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            await consumer.seek_to_beginning(*tps)
            while [tp for tp in tps if await consumer.position(tp) < ends[tp]]:
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    records += batch
    finally:
        await consumer.stop()
    return records


async def read_rows(bootstrap: str, topic: str, partitions: Iterable[int]) -> dict[tuple[int, bytes], bytes]:
    """What a changelog adds up to: the last value of each key of each partition, tombstones applied."""
    rows: dict[tuple[int, bytes], bytes] = {}
    for record in await read_topic(bootstrap, topic, partitions):
        if record.value is None:
            rows.pop((record.partition, record.key), None)
        else:
            rows[record.partition, record.key] = record.value
    return rows
