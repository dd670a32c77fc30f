"""Bulk restore: changelog partitions into RocksDB, from the offset that is stored beside the rows."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import TopicPartition

from tables.errors import RestoreError
from tables.offsets import reader
from tables.table import MAX_AGE_S, Table

log = structlog.get_logger(__name__)

FETCH_BYTES = 2 << 20
MAX_RECORDS = 10_000
PROGRESS_S = 5.0


@dataclass(slots=True)
class _Target:
    table: Table
    changelog: TopicPartition
    position: int
    end: int


async def restore_tables(
    connection: Mapping[str, Any],
    tables: Sequence[Table],
    partitions: Sequence[int],
    ends: Mapping[TopicPartition, int],
    deadline_s: float,
) -> None:
    """Bring the local rows of all tables and partitions up to `ends`, the changelog ends when the shard was fenced.

    Raises:
        RestoreError: not done within `deadline_s`.
    """
    targets = [_target(table, partition, ends) for table in tables for partition in partitions]
    waiting = {target.changelog: target for target in targets if target.position < target.end}
    try:
        async with asyncio.timeout(deadline_s):
            if waiting:
                await _read(connection, waiting)
    except TimeoutError:
        behind = ", ".join(f"{tp.topic}-{tp.partition} at {t.position} of {t.end}" for tp, t in waiting.items())
        raise RestoreError(f"not restored within {deadline_s:.0f} s: {behind}") from None
    for target in targets:
        target.table.apply(target.changelog.partition, (), target.end)


def _target(table: Table, partition: int, ends: Mapping[TopicPartition, int]) -> _Target:
    """What is left to read of one table partition; local rows that cannot be trusted are thrown away first."""
    changelog = table.changelog(partition)
    reached, age_s = table.reached(partition)
    doubt = None
    if reached > ends[changelog]:
        doubt = f"it reaches offset {reached}, the changelog ends at {ends[changelog]}: the topic was created anew"
    elif age_s > MAX_AGE_S:
        doubt = f"it was brought up to date {age_s / 3600:.0f} h ago, deletions since then may be compacted away"
    if doubt:
        log.warning("local table thrown away, rebuilding it", table=table.name, partition=partition, reason=doubt)
        table.rebuild(partition)
        reached = 0
    return _Target(table, changelog, reached, ends[changelog])


async def _read(connection: Mapping[str, Any], waiting: dict[TopicPartition, _Target]) -> None:
    started, rows, reported = time.monotonic(), 0, time.monotonic()
    total = sum(target.end - target.position for target in waiting.values())
    async with reader(connection, max_partition_fetch_bytes=FETCH_BYTES) as consumer:
        consumer.assign(list(waiting))
        beginnings = await consumer.beginning_offsets(list(waiting))
        for tp, target in waiting.items():
            consumer.seek(tp, max(beginnings[tp], target.position))
        while waiting:
            rows += _apply(await consumer.getmany(*waiting, timeout_ms=100, max_records=MAX_RECORDS), waiting)
            await _settle(consumer, waiting)
            if time.monotonic() - reported > PROGRESS_S:
                reported = time.monotonic()
                _report(waiting, total, reported - started)
    elapsed = time.monotonic() - started
    log.info("tables restored", rows=rows, seconds=round(elapsed, 2))


def _apply(fetched: Mapping[TopicPartition, Sequence[Any]], waiting: Mapping[TopicPartition, _Target]) -> int:
    for tp, records in fetched.items():
        rows = ((record.key, record.value) for record in records)
        waiting[tp].table.apply(tp.partition, rows, records[-1].offset + 1)
    return sum(map(len, fetched.values()))


async def _settle(consumer: Any, waiting: dict[TopicPartition, _Target]) -> None:
    """Note how far each one is; by position, for the last offsets are markers that no record carries."""
    for tp, target in list(waiting.items()):
        target.position = await consumer.position(tp)
        if target.position >= target.end:
            del waiting[tp]


def _report(waiting: Mapping[TopicPartition, _Target], total: int, elapsed: float) -> None:
    left = sum(target.end - target.position for target in waiting.values())
    rate = (total - left) / elapsed
    log.info(
        "restoring tables", offsets_left=left, a_second=round(rate), seconds_left=round(left / rate) if rate else None
    )
