"""What Kafka says about offsets: committed by the group, first and last of a partition, first committed record."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.errors import UnreachableError
from tables.errors import LostOffsetsError, LostRecordsError

DEADLINE_S = 60.0
RETRY_S = 0.2
READING = {
    "isolation_level": "read_committed",
    "auto_offset_reset": "earliest",
    "enable_auto_commit": False,
    "fetch_max_wait_ms": 100,
}


@asynccontextmanager
async def reader(connection: Mapping[str, Any], **settings: Any) -> AsyncIterator[Any]:
    """A consumer outside of any group; unless told otherwise it sees committed records only."""
    consumer = AIOKafkaConsumer(**(READING | settings), **connection)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def committed_offsets(
    connection: Mapping[str, Any], group: str, sources: Iterable[TopicPartition]
) -> dict[TopicPartition, int | None]:
    """Committed offset of each source, None where the group never committed one.

    A coordinator that is still loading answers with nothing at all, and aiokafka drops the error that says so. Asked
    for by name, a partition without an offset is there with -1; one that is missing was not looked up.
    """
    wanted = list(sources)
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = await _ask(connection, group, wanted)
            if all(tp in found for tp in wanted):
                return {tp: found[tp] if found[tp] >= 0 else None for tp in wanted}
            await asyncio.sleep(RETRY_S)


async def _ask(connection: Mapping[str, Any], group: str, sources: list[TopicPartition]) -> dict[TopicPartition, int]:
    admin = AIOKafkaAdminClient(**connection)
    await admin.start()
    try:
        answer = await admin.list_consumer_group_offsets(group, partitions=sources)
        return {tp: entry.offset for tp, entry in answer.items()}
    except KafkaError as error:
        if not error.retriable:
            raise
        return {}
    finally:
        await admin.close()


def starting_offsets(
    group: str,
    committed: Mapping[TopicPartition, int | None],
    beginnings: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    *,
    tables_written: bool,
) -> dict[TopicPartition, int]:
    """Where each source goes on: the committed offset, or the beginning for a group that starts with empty tables.

    Raises:
        LostRecordsError: retention deleted records behind a committed offset, or the topic ends before it.
        LostOffsetsError: the tables hold rows, but not the offsets they belong to.
    """
    starts = {}
    for tp, offset in committed.items():
        reset = f"kafka-consumer-groups.sh --group {group} --topic {tp.topic}:{tp.partition} --reset-offsets"
        if offset is None and tables_written:
            raise LostOffsetsError(
                f"group {group} has no committed offset for {tp.topic}-{tp.partition}, but its tables hold rows: Kafka "
                "forgets the offsets of a group that nobody used for offsets.retention.minutes. Starting at the "
                f"beginning would count twice. Say where to go on: {reset} --to-datetime <last run> --execute"
            )
        if offset is not None and offset < beginnings[tp]:
            raise LostRecordsError(
                f"records {offset} to {beginnings[tp] - 1} of {tp.topic}-{tp.partition} were deleted before {group} "
                f"read them: retention is shorter than the pause. To accept the loss: {reset} --to-earliest --execute"
            )
        if offset is not None and offset > ends[tp]:
            raise LostRecordsError(
                f"{group} has read {tp.topic}-{tp.partition} up to offset {offset}, but it ends at {ends[tp]}: the "
                f"topic was truncated or created anew. To read what it holds now: {reset} --to-earliest --execute"
            )
        starts[tp] = beginnings[tp] if offset is None else offset
    return starts


async def first_record(connection: Mapping[str, Any], tp: TopicPartition, offset: int, wait_s: float = 10.0) -> int:
    """Offset of the first committed record at or after `offset`; one must exist.

    Raises:
        UnreachableError: none came within `wait_s`.
    """
    found, _ = await probe(connection, tp, offset, wait_s)
    if found is None:
        raise UnreachableError(
            f"no committed record of {tp.topic}-{tp.partition} from offset {offset} within {wait_s:.0f} s"
        )
    return found


async def probe(
    connection: Mapping[str, Any], tp: TopicPartition, offset: int, wait_s: float
) -> tuple[int | None, int]:
    """First committed record at or after `offset` (None if there is none up to the end), and how far was looked."""
    async with reader(connection) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, offset)
        end = (await consumer.end_offsets([tp]))[tp]
        deadline = asyncio.get_running_loop().time() + wait_s
        reached = offset
        while reached < end and asyncio.get_running_loop().time() < deadline:
            for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, []):
                return record.offset, record.offset
            reached = await consumer.position(tp)
        return None, reached
