"""What nobody else notices: records that wait while nothing moves, partitions that were added, a loop that hangs."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from schemas.errors import UnreachableError
from tables.errors import ShardLost, StalledError, die
from tables.offsets import probe, reader
from tables.position import Position
from tables.shard import Shard, Step
from tables.shards import Shards

log = structlog.get_logger(__name__)

LOOK_S = 5.0
CHECK_S = 60.0
IDLE_S = 10.0
PROBE_S = 10.0
LOOP_TICK_S = 0.5


class Watchdog:
    """Measures how far each source is behind, and ends the process when there is lag without progress.

    Faust can stop delivering without an error, and commits can freeze while everything else goes on. With
    `skip_markers`, an offset that only markers and aborted records separate from the end is moved there, so that
    retention is never mistaken for a loss; not where offsets are part of something else, as in the trainer's commits.
    """

    def __init__(
        self,
        shards: Shards,
        lag: Gauge,
        loop_lag: Gauge,
        check: Callable[[], Awaitable[None]],
        *,
        skip_markers: bool = False,
    ) -> None:
        """`check` is called now and then; what it raises ends the process."""
        self._skip_markers = skip_markers
        self._shards, self._lag, self._loop_lag, self._check = shards, lag, loop_lag, check
        self._moved: dict[TopicPartition, tuple[Position, int, float]] = {}
        self._unreachable_since: float | None = None
        self._checked = time.monotonic()

    async def run(self) -> None:
        """Watch, for as long as the process lives."""
        ticking = asyncio.create_task(self._tick(), name="loop lag")
        try:
            async with reader(self._shards.config.connection) as consumer:
                while True:
                    await asyncio.sleep(LOOK_S)
                    await self._patiently(self._round(consumer))
        except Exception as error:  # noqa: BLE001 - a task that nobody awaits
            die(error)
        finally:
            ticking.cancel()

    async def _round(self, consumer: Any) -> None:
        for shard in self._shards:
            if shard.owned:
                await self._look(shard, dict(await consumer.end_offsets(shard.sources)))
        if time.monotonic() - self._checked > CHECK_S:
            self._checked = time.monotonic()
            await self._check()

    async def _patiently(self, round_: Coroutine[Any, Any, None]) -> None:
        """A broker that restarts is no reason to end, one that stays away is."""
        try:
            await round_
            self._unreachable_since = None
        except (KafkaError, UnreachableError) as error:
            if isinstance(error, StalledError):
                raise
            since = self._unreachable_since = self._unreachable_since or time.monotonic()
            if time.monotonic() - since > self._shards.config.stall_deadline_s:
                raise
            log.warning("Kafka does not answer", error=repr(error))

    async def _tick(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(LOOP_TICK_S)
            self._loop_lag.set(max(0.0, time.monotonic() - before - LOOP_TICK_S))

    async def _look(self, shard: Shard, ends: dict[TopicPartition, int]) -> None:
        now = time.monotonic()
        for source, position in shard.positions.items():
            committed, lag = position.committed, max(0, ends[source] - position.committed)
            self._lag.labels(source.topic, source.partition).set(lag)
            known, before, since = self._moved.get(source, (position, committed, now))
            # Another position: the partition was given anew, and what went before says nothing about this ownership.
            if known is not position or committed != before or not lag:
                before, since = committed, now
            self._moved[source] = (position, before, since)
            if lag and now - since > IDLE_S:
                await self._doubt(shard, source, committed, now - since)

    async def _doubt(self, shard: Shard, source: TopicPartition, committed: int, still_s: float) -> None:
        """Nothing has moved for a while: are there records at all?"""
        connection, deadline_s = self._shards.config.connection, self._shards.config.stall_deadline_s
        record, reached = await probe(connection, source, committed, PROBE_S)
        if record is None:
            if self._skip_markers:
                await self._skip(shard, source, committed, reached)
        elif still_s > deadline_s:
            raise StalledError(
                f"record {record} of {source.topic}-{source.partition} has waited for {still_s:.0f} s, "
                "and nothing has moved"
            )

    async def _skip(self, shard: Shard, source: TopicPartition, committed: int, reached: int) -> None:
        step: Step[Any]
        try:
            async with shard.step() as step:
                position = shard.positions[source]
                if position.committed == committed == position.next_offset and reached > committed:
                    position.skip_to(reached)
                    step.advance(source, reached)
        except ShardLost:
            log.debug("partition lost meanwhile", source=source.topic, partition=source.partition)
