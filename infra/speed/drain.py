"""How fast a process works off what waits for it in a topic."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import psutil
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

LOOK_S: Final = 0.05
DEADLINE_S: Final = 300.0
BEGIN: Final = 0.2
"""Share of the records that do not count: start, restore, and the first steps."""


async def drained(
    connection: Mapping[str, Any], group: str, source: TopicPartition, end: int, process: psutil.Popen
) -> float:
    """Records a second that the group committed, from a fifth of them to the last.

    Args:
        connection: aiokafka's arguments.
        group: of the process.
        source: what it reads.
        end: offset of the last record there.
        process: it must not end meanwhile.

    Raises:
        RuntimeError: it did, or it is not done in time.
    """
    begun: tuple[float, int] | None = None
    seen, deadline = (time.monotonic(), 0), time.monotonic() + DEADLINE_S
    admin = AIOKafkaAdminClient(**connection)
    await admin.start()
    try:
        while True:
            now, offset = time.monotonic(), await _committed(admin, group, source)
            if begun is None and offset >= BEGIN * end:
                begun = seen  # the last look before: a fast process may be at the end already
            if begun is not None and offset >= end - 1:
                return float((offset - begun[1]) / (now - begun[0]))
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE or now > deadline:
                raise RuntimeError(f"{group} is at {offset} of {end} of {source.topic}: see its log")
            seen = now, offset
            await asyncio.sleep(LOOK_S)
    finally:
        await admin.close()


async def _committed(admin: AIOKafkaAdminClient, group: str, source: TopicPartition) -> int:
    try:
        found = await admin.list_consumer_group_offsets(group, partitions=[source])
    except KafkaError as error:
        if not error.retriable:  # a broker that has just started has no coordinator yet
            raise
        return 0
    return max(int(found[source].offset), 0)
