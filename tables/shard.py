"""A shard: what one worker owns as a whole. One transactional id, one lock, one position a source partition."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition

from tables.config import WorkerConfig
from tables.errors import InDoubtError, ShardLost, die
from tables.offsets import committed_offsets, first_record, reader, starting_offsets
from tables.position import E, Position
from tables.progress import Progress
from tables.pulse import Pulses
from tables.restore import restore_tables
from tables.step import Step
from tables.table import Table
from tables.transaction import MAX_BATCH_BYTES, Record, publish

__all__ = ["Shard", "Step"]

log = structlog.get_logger(__name__)

CLOSE_DEADLINE_S = 5.0
# aiokafka's 100 ms would delay every second transaction: the last one's markers are still on their way.
RETRY_BACKOFF_MS = 3


class Shard:
    """One transactional id and everything it covers.

    Attributes:
        name: the transactional id.
        partitions: of the sources and of the tables.
        ready: set once the tables are restored; also set when the shard is closed, so that nobody waits for ever.
        stepped: when the last transaction was committed, seconds since 1970; 0 before the first.
        progress: of the restore.
    """

    def __init__(
        self,
        name: str,
        partitions: Iterable[int],
        config: WorkerConfig,
        tables: Sequence[Table],
        generation: Callable[[], int],
        pulses: Pulses,
    ) -> None:
        self.name = name
        self.partitions = sorted(partitions)
        self.ready = asyncio.Event()
        self.stepped = 0.0
        self.progress = Progress()
        self.positions: dict[TopicPartition, Position] = {}
        self._config, self._tables, self._generation = config, tables, generation
        self._lock = asyncio.Lock()
        self._producer: Any = None
        self._stepping = pulses.add(f"step of {name}", config.step_deadline_s)
        self._pulses = pulses

    @property
    def sources(self) -> list[TopicPartition]:
        """Every source partition."""
        return [TopicPartition(topic, partition) for topic in self._config.sources for partition in self.partitions]

    @property
    def owned(self) -> bool:
        """Whether steps can run now."""
        return self.ready.is_set() and self._producer is not None

    async def fence(self) -> None:
        """Open the producer: whoever held the shard cannot commit any more, their open transaction is settled."""
        producer = AIOKafkaProducer(
            **self._config.connection,
            transactional_id=self.name,
            acks="all",
            max_batch_size=MAX_BATCH_BYTES,
            transaction_timeout_ms=int(self._config.transaction_timeout_s * 1000),
            retry_backoff_ms=RETRY_BACKOFF_MS,
        )
        self._producer = producer
        await producer.start()

    async def restore(
        self, ends: Mapping[TopicPartition, int], on_owned: Callable[["Shard"], Awaitable[None]] | None = None
    ) -> None:
        """Positions and tables, then whatever else the owner needs; nothing is processed before."""
        config = self._config
        self.progress.begin("committed offsets")
        committed = await committed_offsets(config.connection, config.group, self.sources)
        async with reader(config.connection) as consumer:
            beginnings = await consumer.beginning_offsets(self.sources)
            lasts = await consumer.end_offsets(self.sources)
        written = any(ends[table.changelog(partition)] for table in self._tables for partition in self.partitions)
        starts = starting_offsets(config.group, committed, beginnings, lasts, tables_written=written)
        self.positions = {tp: Position(tp, offset) for tp, offset in starts.items()}
        await restore_tables(
            config.connection, self._tables, self.partitions, ends, config.restore_deadline_s, self.progress
        )
        if unset := {tp: starts[tp] for tp, offset in committed.items() if offset is None}:
            # From now on a missing offset is a lost one.
            # Shielded, for a producer that is stopped in mid-commit hangs; `close` waits for the lock.
            await asyncio.shield(asyncio.create_task(self._commit_alone(unset)))
        if on_owned is not None:
            self.progress.begin("what its owner needs")
            async with asyncio.timeout(config.restore_deadline_s):
                await on_owned(self)
        if self._producer is not None:
            log.info("shard ready", shard=self.name, partitions=self.partitions, positions=list(starts.values()))
        self.ready.set()

    async def close(self) -> None:
        """Let a step in flight finish (stopping a producer during a commit hangs the commit for ever), then let go."""
        async with self._lock:
            producer, self._producer = self._producer, None
            self.ready.set()
            self._pulses.remove(self._stepping)
            if producer is not None:
                try:
                    await asyncio.wait_for(producer.stop(), CLOSE_DEADLINE_S)
                except TimeoutError:
                    # Whoever fences the shard next settles what it may have left open.
                    log.warning("producer did not close in time", shard=self.name, seconds=CLOSE_DEADLINE_S)

    @contextlib.asynccontextmanager
    async def step(self, events: Sequence[E] = ()) -> AsyncIterator[Step[E]]:
        """A step, alone in its shard, committed when the block ends: rows, records and the offsets behind `events`.

        The block must not fail: whatever it raises ends the process, for the events would be skipped otherwise.

        Raises:
            ShardLost: the shard went to another worker before the step began. The block does not run.
        """
        await self.ready.wait()  # which a restore sets in time, or the process ends
        async with self._lock:
            if self._producer is None:
                raise ShardLost(self.name)
            try:
                step = Step(await self._current(events))
                step.offsets.update(self._touched(step.events))
                with self._stepping.during():
                    yield step
                if not step.empty:
                    await self._publish(step, step.offsets)
            except Exception as error:  # noqa: BLE001 - the one guard of every step
                die(error, shard=self.name)
            except BaseException:
                self._producer = None  # cancelled in mid-step: nothing may follow
                raise

    async def admit(self, events: Sequence[E]) -> list[E]:
        """The events that belong to this ownership, for a later step that will `advance` past them.

        Raises:
            ShardLost: the shard went to another worker.
        """
        await self.ready.wait()  # which a restore sets in time, or the process ends
        async with self._lock:
            if self._producer is None:
                raise ShardLost(self.name)
            try:
                return await self._current(events)
            except Exception as error:  # noqa: BLE001 - as in a step
                die(error, shard=self.name)

    async def _current(self, events: Sequence[E]) -> list[E]:
        by_source: dict[TopicPartition, list[E]] = {}
        for event in events:
            by_source.setdefault(TopicPartition(event.message.topic, event.message.partition), []).append(event)
        current: list[E] = []
        for source, group in by_source.items():
            position = self.positions[source]
            fresh = position.fresh(group, self._generation())
            if fresh and position.needs_anchor:
                position.anchor = await first_record(self._config.connection, source, position.next_offset)
            current += position.admit(fresh, asyncio.get_running_loop().time())
        return current

    def _touched(self, events: Sequence[E]) -> dict[TopicPartition, int]:
        sources = {TopicPartition(event.message.topic, event.message.partition) for event in events}
        return {source: self.positions[source].next_offset for source in sources}

    async def _publish(self, step: Step[Any], offsets: Mapping[TopicPartition, int]) -> None:
        records: dict[TopicPartition, Iterable[Record]] = {
            table.changelog(partition): [Record(*row) for row in rows.items()]
            for (table, partition), rows in step.rows.items()
        }
        try:
            async with asyncio.timeout(self._config.transaction_timeout_s):
                ends = await publish(self._producer, records | step.records, offsets, self._config.group)
        except TimeoutError:
            raise InDoubtError(
                f"a transaction of {self.name} did not end in {self._config.transaction_timeout_s:.0f} s"
            ) from None
        self.stepped = time.time()
        for source, offset in offsets.items():
            self.positions[source].committed = offset
        for (table, partition), rows in step.rows.items():
            table.apply(partition, rows.items(), ends.get(table.changelog(partition)))

    async def _commit_alone(self, offsets: Mapping[TopicPartition, int]) -> None:
        async with self._lock:
            if self._producer is not None:
                await self._publish(Step[Any]([]), offsets)
