"""A version as one Kafka transaction: model, trainer state, histories, placements, dead letters, positions, commit."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from aiokafka import TopicPartition

from agents.cut import Cut
from agents.item_features import InThread
from agents.learning import Learning
from schemas.topics import Topics
from tables.errors import ShardLost
from tables.guard import guarded
from tables.shard import Shard, Step
from tables.table import Table

log = structlog.get_logger(__name__)


class Publisher:
    """Publishes one cut after the other, `interval_s` apart or more, while training goes on."""

    def __init__(
        self,
        shard: Shard,
        learning: Learning,
        in_thread: InThread,
        *,
        topics: Topics,
        histories: Table,
        first_version: int,
        interval_s: float,
        empty_codes: Callable[[int], list[int]],
        on_published: Callable[[Cut, float], None],
    ) -> None:
        """Publish from now on.

        Args:
            empty_codes: which of K codes hold no item now.
            on_published: told each cut and how many seconds its transaction took.
        """
        self._shard, self._learning, self._in_thread = shard, learning, in_thread
        self._topics, self._histories = topics, histories
        self._next_version = first_version
        self._interval = interval_s
        self._empty_codes = empty_codes
        self._on_published = on_published
        self._not_before = 0.0
        self._publish_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def due_at(self) -> float | None:
        """When the next version is due (monotonic clock), None while one is on its way or nothing has changed."""
        busy = self._task is not None and not self._task.done()
        return self._not_before if self._learning.moved and not busy else None

    async def begin(self) -> "asyncio.Task[None]":
        """Cut what has changed and send it off. Returns once the next step may run."""
        self._not_before = time.monotonic() + self._interval
        now_ms = time.time_ns() // 1_000_000
        empty = self._empty_codes(self._learning.codes)
        cut = await self._in_thread(self._learning.cut, self._next_version, now_ms, 1000 * self._publish_s, empty)
        self._next_version += 1
        self._task = guarded(self._publish(cut), name=f"publish {cut.commit.version}")
        return self._task

    async def flush(self) -> None:
        """Publish everything learnt so far."""
        if self._task is not None:
            await self._task
        if self._learning.moved:
            await (await self.begin())

    async def abandon(self) -> None:
        """The shard is lost: wait until nothing is on its way any more."""
        if self._task is not None:
            await self._task

    async def _publish(self, cut: Cut) -> None:
        started = time.monotonic()
        step: Step[Any]
        try:
            async with self._shard.step() as step:
                self._fill(step, cut)
        except ShardLost:
            log.info("version left to the next owner", version=cut.commit.version)
            return
        self._publish_s = time.monotonic() - started
        self._on_published(cut, self._publish_s)

    def _fill(self, step: Step[Any], cut: Cut) -> None:
        topics = self._topics
        for topic, records in ((topics.parameters, cut.parameters), (topics.trainer_state, cut.state)):
            for key, value in records:
                step.send(topic, 0, key, value)
        for partition, rows in cut.histories.items():
            for user, row in rows.items():
                step.put(self._histories, partition, user, row)
        for partition, block in cut.blocks:
            step.send(topics.assignments, partition, None, block)
        for letter in cut.dead_letters:
            step.send(topics.dead_letters, 0, letter.key, letter.value, letter.headers)
        for partition, offset in cut.commit.offsets.items():
            step.advance(TopicPartition(topics.exposures, partition), offset)
