"""What nobody else notices: records that wait while nothing moves, Kafka that is silent, partitions that were added."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.worker_metrics import WorkerMetrics
from schemas.errors import UnreachableError
from tables.errors import ShardLost, StalledError
from tables.offsets import probe, reader
from tables.position import Position
from tables.pulse import Pulse
from tables.shard import Shard, Step
from tables.shards import Shards

log = structlog.get_logger(__name__)

LOOK_S = 5.0
CHECK_S = 60.0
IDLE_S = 10.0
PROBE_S = 10.0
# An idle worker of many partitions doubts all of them at once: after a burst each ends in a marker.
PROBES_AT_A_TIME = 8


Skip = Callable[[Shard, TopicPartition, int, int], Awaitable[None]]
_Still = tuple[Shard, TopicPartition, Pulse, int]


async def skip_in_a_step(shard: Shard, source: TopicPartition, committed: int, reached: int) -> None:
    """Commit the offset alone. Raises ShardLost."""
    step: Step[Any]
    async with shard.step() as step:
        position = shard.positions[source]
        if position.committed == committed == position.next_offset:
            position.skip_to(reached)
            step.advance(source, reached)


class Watchdog:
    """Measures how far each source is behind, and tells their pulses whether they move.

    Faust can stop delivering without an error, and commits can freeze while everything else goes on. An offset that
    only markers and aborted records separate from the end is moved there, so that retention is never mistaken for a
    loss.
    """

    def __init__(
        self,
        shards: Shards,
        metrics: WorkerMetrics,
        check: Callable[[], Awaitable[None]],
        skip: Skip,
    ) -> None:
        """Watch these shards.

        Args:
            check: called now and then; what it raises ends the process.
            skip: commits that one offset of a source follows another one, unless something has moved meanwhile.
        """
        self._shards, self._metrics, self._check, self._skip = shards, metrics, check, skip
        self._kafka, self._restoring = self._pulse("Kafka"), self._pulse("restoring")
        self._pulses: dict[Position, Pulse] = {}
        self._probing = asyncio.Semaphore(PROBES_AT_A_TIME)
        self._checked = time.monotonic()

    async def run(self) -> None:
        """Watch for ever. A broker that restarts is no reason to end, one that stays away is."""
        self._kafka.beat()
        async with reader(self._shards.config.connection) as consumer:
            while True:
                await asyncio.sleep(LOOK_S)
                try:
                    await self._round(consumer)
                except StalledError:
                    raise
                except (KafkaError, UnreachableError) as error:
                    self._kafka.note = repr(error)
                    log.warning("Kafka does not answer", error=repr(error))
                else:
                    self._kafka.beat()

    async def _round(self, consumer: Any) -> None:
        self._watch_restores()
        shards = [shard for shard in self._shards if shard.owned]
        self._forget({position for shard in shards for position in shard.positions.values()})
        still: list[_Still] = []
        for shard in shards:
            still += self._look(shard, dict(await consumer.end_offsets(shard.sources)))
        await asyncio.gather(*(self._doubt(*one) for one in still))
        self._metrics.stepped.set(max((shard.stepped for shard in shards), default=0))
        if time.monotonic() - self._checked > CHECK_S:
            self._checked = time.monotonic()
            await self._check()

    def _look(self, shard: Shard, ends: dict[TopicPartition, int]) -> Iterator[_Still]:
        """Sources that have not moved for a while though they are behind."""
        for source, position in shard.positions.items():
            committed, lag = position.committed, max(0, ends[source] - position.committed)
            self._metrics.lag.labels(source.topic, source.partition).set(lag)
            # By position: a partition that was given anew is another ownership, whatever went before.
            if position not in self._pulses:
                self._pulses[position] = self._pulse(f"{source.topic}-{source.partition}")
            pulse = self._pulses[position]
            pulse.look(committed, behind=lag > 0)
            if pulse.still_s > IDLE_S:
                yield shard, source, pulse, committed

    async def _doubt(self, shard: Shard, source: TopicPartition, pulse: Pulse, committed: int) -> None:
        """Are there records at all?"""
        async with self._probing:
            record, reached = await probe(self._shards.config.connection, source, committed, PROBE_S)
        if record is not None:
            pulse.note = f"record {record} waits"
            return
        pulse.beat()
        if reached > committed:
            try:
                await self._skip(shard, source, committed, reached)
            except ShardLost:
                log.debug("partition lost meanwhile", source=source.topic, partition=source.partition)

    def _watch_restores(self) -> None:
        """What is counted must get less. The rest (a turn, the owner's own start) has no measure but its deadline."""
        counted = [shard.progress for shard in self._shards.restoring if shard.progress.left]
        self._restoring.look([progress.moves for progress in counted], behind=bool(counted))
        self._restoring.note = next((progress.held for progress in counted if progress.held), "")

    def _forget(self, owned: set[Position]) -> None:
        for position in self._pulses.keys() - owned:
            self._shards.pulses.remove(self._pulses.pop(position))
            with contextlib.suppress(KeyError):
                self._metrics.lag.remove(*position.source)

    def _pulse(self, what: str) -> Pulse:
        return self._shards.pulses.stream(what, self._shards.config.stall_deadline_s)
