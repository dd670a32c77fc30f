"""Bulk restore: changelog partitions into RocksDB, from the offset that is stored beside the rows."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord
from streamvq_client.errors import FormatError
from streamvq_client.lives import SHARE, Life, topic_lives

from tables.errors import ANEW, LostRowsError, RestoreError
from tables.marker import Reached
from tables.offsets import reader
from tables.progress import Progress
from tables.table import Table

log = structlog.get_logger(__name__)

FETCH_BYTES = 2 << 20
# Applied in one piece, 5 to 20 ms: RocksDB does not let the event loop run meanwhile, in whatever thread it writes.
MAX_RECORDS = 2_000
PROGRESS_S = 5.0
OPEN = (
    "a transaction that began at offset {offset} of {topic}-{partition} is open, and nothing behind it can be read. "
    "Kafka ends it when its time is over, a minute by default. One that stays open has lost its end: "
    "see `A transaction that nobody ends` in docs/recovery.md"
)


@dataclass(slots=True)
class _Target:
    """A changelog partition on its way into a database, which holds all that was written before `at`."""

    table: Table
    changelog: TopicPartition
    position: int
    end: int
    at: float


async def restore_tables(
    connection: Mapping[str, Any],
    tables: Sequence[Table],
    partitions: Sequence[int],
    ends: Mapping[TopicPartition, int],
    deadline_s: float,
    progress: Progress,
) -> None:
    """Bring the local rows of all tables and partitions up to `ends`, the changelog ends when the shard was fenced.

    Raises:
        RestoreError: not done within `deadline_s`.
        LostRowsError: the beginning of a changelog is gone.
    """
    changelogs = {table.changelog(partition): table for table in tables for partition in partitions}
    waiting: dict[TopicPartition, _Target] = {}
    now = time.time()
    try:
        async with asyncio.timeout(deadline_s):
            lives = await topic_lives(connection, [tp.topic for tp in changelogs])
            async with reader(connection, max_partition_fetch_bytes=FETCH_BYTES) as consumer:
                _require_whole(await consumer.beginning_offsets(list(changelogs)))
                targets = [_target(table, tp, ends[tp], lives[tp.topic], now) for tp, table in changelogs.items()]
                waiting = {target.changelog: target for target in targets if target.position < target.end}
                await _read(consumer, waiting, progress)
    except TimeoutError:
        behind = ", ".join(f"{tp.topic}-{tp.partition} at {t.position} of {t.end}" for tp, t in waiting.items())
        raise RestoreError(f"not restored within {deadline_s:.0f} s: {behind or 'Kafka does not answer'}") from None
    for target in targets:
        target.table.apply(target.changelog.partition, (), target.end, now)


def _require_whole(beginnings: Mapping[TopicPartition, int]) -> None:
    """Compaction leaves the beginning of a topic where it is; only retention and hands move it."""
    for tp, begin in beginnings.items():
        if begin:
            raise LostRowsError(
                f"records 0 to {begin - 1} of {tp.topic}-{tp.partition} were deleted, with their rows, for good: "
                f"a changelog is compacted, never deleted from. {ANEW}"
            )


def _target(table: Table, changelog: TopicPartition, end: int, life: Life, now: float) -> _Target:
    """What is left to read of one table partition; local rows that cannot be trusted are thrown away first."""
    table.life = life.id
    try:
        reached = table.reached(changelog.partition)
        doubt = _doubt(reached, end, life, now)
    except FormatError as error:
        doubt = str(error)
    if doubt:
        log.warning(
            "local rows thrown away, rebuilding them",
            changelog=changelog.topic,
            partition=changelog.partition,
            reason=doubt,
        )
        table.rebuild(changelog.partition)
        reached = table.reached(changelog.partition)
    return _Target(table, changelog, reached.offset, end, reached.at)


def _doubt(reached: Reached, end: int, life: Life, now: float) -> str | None:
    """Why local rows cannot be trusted."""
    if life.other(reached.life):
        return "they belong to a topic of the same name that was deleted"
    if reached.offset > end:
        return f"they reach offset {reached.offset}, the changelog ends at {end}: it was created anew, or lost its end"
    away_s = now - reached.at
    if reached.offset < end and away_s > life.away_s:
        return (
            f"they were last up to date {away_s / 3600:.1f} h ago: deletions since then may be compacted away, "
            f"which delete.retention.ms allows after {life.away_s / SHARE / 3600:.1f} h"
        )
    return None


async def _read(consumer: Any, waiting: dict[TopicPartition, _Target], progress: Progress) -> None:
    if not waiting:
        return
    started = reported = time.monotonic()
    rows, moves = 0, progress.moves
    progress.begin("its tables", sum(target.end - target.position for target in waiting.values()))
    consumer.assign(list(waiting))
    for tp, target in waiting.items():
        consumer.seek(tp, target.position)
    while waiting:
        rows += _apply(await consumer.getmany(*waiting, timeout_ms=100, max_records=MAX_RECORDS), waiting)
        await _settle(consumer, waiting)
        progress.reach(sum(target.end - target.position for target in waiting.values()))
        if time.monotonic() - reported > PROGRESS_S:
            reported = time.monotonic()
            if progress.moves == moves:
                progress.held = _held(consumer, waiting)
            moves = progress.moves
            _report(progress)
    log.info("tables restored", rows=rows, seconds=round(time.monotonic() - started, 2))


def _apply(
    fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]], waiting: Mapping[TopicPartition, _Target]
) -> int:
    for tp, records in fetched.items():
        rows = ((record.key, record.value) for record in records)
        target = waiting[tp]
        target.table.apply(tp.partition, rows, records[-1].offset + 1, target.at)
    return sum(map(len, fetched.values()))


async def _settle(consumer: Any, waiting: dict[TopicPartition, _Target]) -> None:
    """Note how far each one is; by position, for the last offsets are markers that no record carries."""
    for tp, target in list(waiting.items()):
        target.position = await consumer.position(tp)
        if target.position >= target.end:
            del waiting[tp]


def _held(consumer: Any, waiting: Mapping[TopicPartition, _Target]) -> str:
    """What keeps the rest from being read, if that is a transaction."""
    for tp, target in waiting.items():
        stable, end = consumer.last_stable_offset(tp), consumer.highwater(tp)
        if stable is not None and end is not None and 0 <= stable <= target.position < end:
            return OPEN.format(offset=stable, topic=tp.topic, partition=tp.partition)
    return ""


def _report(progress: Progress) -> None:
    seconds = progress.seconds_left
    log.info(
        "restoring tables",
        offsets_left=progress.left,
        a_second=round(progress.a_second),
        seconds_left=None if seconds is None else round(seconds),
        **({"held": progress.held} if progress.held else {}),
    )
