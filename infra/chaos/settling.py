"""After the last event: everybody takes what waits, or stands still for too long."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.chaos.screen import Screen
from infra.chaos.watch import Watch
from infra.chaos.world import World
from infra.group_members import members
from tables.offsets import probe

# Twice the deadline after which a worker that does not move ends itself.
STUCK_S = 120.0
LOOK_S, ANSWER_S, RECENT_S = 1.0, 10.0, 2.0


class Settling:
    """Waits until nothing is left to do.

    Args:
        world: the stack.
        connection: aiokafka's arguments.
        sources: consumer group -> its source partitions.
        watch: how far the groups have committed, and which servers answer.
        screen: where progress is shown.
    """

    def __init__(
        self,
        world: World,
        connection: Mapping[str, Any],
        sources: Mapping[str, Sequence[TopicPartition]],
        watch: Watch,
        screen: Screen,
    ) -> None:
        self._world, self._connection, self._watch, self._screen = world, connection, watch, screen
        self._waiting = [source for listed in sources.values() for source in listed]

    async def run(self) -> list[str]:
        """Return when every record is taken and every process is up; else what stood still for two minutes."""
        since, before = time.monotonic(), dict(self._watch.committed)
        while left := await self._left():
            if self._watch.committed != before:
                since, before = time.monotonic(), dict(self._watch.committed)
            if time.monotonic() - since > STUCK_S:
                return left
            self._screen.status(f"settling: {', '.join(left)}")
            await asyncio.sleep(LOOK_S)
        return []

    async def _left(self) -> list[str]:
        try:
            async with asyncio.timeout(ANSWER_S * (1 + len(self._waiting))):
                self._waiting = [source for source in self._waiting if await self._holds_records(source)]
                absent = await self._absent()
        except (KafkaError, TimeoutError) as error:
            return [f"Kafka does not answer: {error!r}"]
        waiting = [f"{source.topic}[{source.partition}] holds records" for source in self._waiting]
        return [*waiting, *self._down(), *absent]

    async def _holds_records(self, source: TopicPartition) -> bool:
        """Whether anything but markers and aborted records is behind the committed offset."""
        record, _ = await probe(self._connection, source, self._watch.committed.get(source, 0), ANSWER_S)
        return record is not None

    def _down(self) -> list[str]:
        gone = [f"{role} does not run" for role in self._world.roles if self._world.stack.process(role) is None]
        silent = [f"{role} is not ready" for role in self._watch.servers if self._watch.silent_s(role) > RECENT_S]
        return gone + silent

    async def _absent(self) -> list[str]:
        """Groups that workers are missing from: one that hangs without having work to do shows nowhere else."""
        topics = self._world.settings.topics
        there = Counter(name.partition("-")[0] for name in self._world.roles)
        wanted = {topics.trainer_lock: there["trainer"], topics.indexer_app: there["indexer"]}
        admin = AIOKafkaAdminClient(**self._connection)
        try:
            await admin.start()
            found = {group: await members(admin, group) for group in wanted}
        finally:
            await admin.close()
        return [
            f"{found[group]} of {count} members in {group}" for group, count in wanted.items() if found[group] != count
        ]
