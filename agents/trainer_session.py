"""One ownership of the exposures: events in, batches to the training thread, versions out."""

import asyncio
import contextlib
import time
from collections.abc import Sequence

from aiokafka import TopicPartition

from agents.exposures import ExposureDecoder
from agents.item_features import InThread
from agents.learning import Learning
from agents.micro_batch import MicroBatches
from agents.publisher import Publisher
from agents.trainer_metrics import TrainerReporter
from schemas.events import Exposure
from tables.errors import ShardLost
from tables.guard import guarded
from tables.position import Event
from tables.shard import Shard
from tables.transaction import Record

BATCHES_WAITING = 4


class TrainerSession:
    """Learns from one shard's stream until the shard is lost or the process stops; the next session shares nothing.

    Steps and cuts run in the training thread, one at a time; the event loop moves bytes meanwhile.
    """

    def __init__(
        self,
        shard: Shard,
        learning: Learning,
        publisher: Publisher,
        in_thread: InThread,
        *,
        batch_deadline_s: float,
        reporter: TrainerReporter,
    ) -> None:
        self._shard, self._learning, self._publisher, self._in_thread = shard, learning, publisher, in_thread
        self._batches: MicroBatches[Exposure, Record] = MicroBatches(learning.config.batch, batch_deadline_s)
        self._limit = BATCHES_WAITING * learning.config.batch
        self._decoder = ExposureDecoder(learning.positions, {task.name for task in learning.config.tasks})
        self._reporter = reporter
        self._running: asyncio.Task[None] | None = None
        self._stopping = False
        self._changed, self._room = asyncio.Event(), asyncio.Event()

    def start(self) -> None:
        """Begin to learn."""
        self._running = guarded(self._run(), name="trainer session", shard=self._shard.name)

    async def take(self, events: Sequence[Event]) -> None:
        """Events that the shard admitted. Waits for room, so that a bounded number of decoded elements waits."""
        try:
            for event in events:
                await self._until_room()
                begin, elements = self._decoder.decode(event.message)
                self._batches.add(event.message.partition, begin, elements, now=time.monotonic())
                self._changed.set()
        except ShardLost:
            return
        self._reporter.arrived(len(self._batches), self._decoder.tally)

    async def skip(self, source: TopicPartition, committed: int, reached: int) -> None:
        """As of `TrainerSessions`. A version of its own says so: offsets are part of what a version is."""
        if await self._in_thread(self._learning.skip, source.partition, committed, reached):
            self._shard.positions[source].skip_to(reached)
            self._changed.set()

    async def finish(self) -> None:
        """Finish the step in flight and publish it; what waits is left to the next start."""
        self._stop()
        if self._running is not None:
            await self._running

    async def abandon(self) -> None:
        """Stop where it is: the shard is lost, and what was not published never was."""
        self._stop()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        await self._publisher.abandon()
        await self._in_thread(int)  # until the step in flight is done: it uses the catalogue and the tables

    def _stop(self) -> None:
        self._stopping = True
        self._changed.set()
        self._room.set()

    async def _until_room(self) -> None:
        while len(self._batches) >= self._limit and not self._stopping:
            self._room.clear()
            await self._room.wait()
        if self._stopping:
            raise ShardLost(self._shard.name)

    async def _run(self) -> None:
        while not self._stopping:
            if self._batches.ready(time.monotonic()):
                await self._step()
            due = self._publisher.due_at()
            if due is not None and due <= time.monotonic():
                task = await self._publisher.begin()
                task.add_done_callback(lambda _: self._changed.set())
            await self._pause()
        await self._publisher.flush()

    async def _step(self) -> None:
        batch = self._batches.take()
        self._room.set()
        started = time.monotonic()
        report = await self._in_thread(self._learning.learn, batch)
        if report is not None:
            self._reporter.stepped(report, time.monotonic() - started)

    async def _pause(self) -> None:
        """Until a batch or a version is due, or something has changed."""
        due = [at for at in (self._batches.due_at(), self._publisher.due_at()) if at is not None]
        delay = min(due) - time.monotonic() if due else None
        if delay is None or delay > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._changed.wait()
        self._changed.clear()
