"""Looks at the stack from outside all the time: how far each group has committed, which servers answer."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.chaos.outages import Movement
from infra.readiness import readiness

LOOK_S = 0.25
ANSWER_S = 3.0

log = structlog.get_logger(__name__)


class Watch:
    """Committed offsets by group and source partition, and the answers of the servers.

    Args:
        connection: aiokafka's arguments.
        sources: consumer group -> its source partitions.
        servers: role -> address.

    Attributes:
        servers: role -> address.
        begun: monotonic time at the start of the run.
        committed: source partition -> offset that its group committed last.
        movements: what moved when: by source partition, and by the role of a server.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        sources: Mapping[str, Sequence[TopicPartition]],
        servers: Mapping[str, str],
    ) -> None:
        self._connection, self._sources, self.servers = connection, sources, servers
        self.begun = time.monotonic()
        self.committed: dict[TopicPartition, int] = {}
        self.movements: dict[TopicPartition | str, Movement] = {}

    @property
    def now(self) -> float:
        """Seconds of the run."""
        return time.monotonic() - self.begun

    def begin(self) -> None:
        """Seconds count from now on; what moved before does not matter."""
        self.begun = time.monotonic()
        for movement in self.movements.values():
            movement.moves[:] = [0.0]

    def silent_s(self, place: TopicPartition | str) -> float:
        """Seconds since it moved."""
        return self.now - self.movements[place].moves[-1] if place in self.movements else inf

    def of_group(self, group: str) -> list[Movement]:
        """Movements of the group's sources, those that have moved at all."""
        return [self.movements[source] for source in self._sources[group] if source in self.movements]

    async def run(self) -> None:
        """Look until cancelled."""
        await asyncio.gather(
            *(self._follow_group(group) for group in self._sources),
            *(self._follow_server(role) for role in self.servers),
        )

    async def _follow_group(self, group: str) -> None:
        while True:
            try:
                await self._look_on(group)
            except (KafkaError, TimeoutError, OSError) as error:
                log.debug("watch.group", group=group, error=repr(error))
                await asyncio.sleep(LOOK_S)

    async def _look_on(self, group: str) -> None:
        """Look as long as one connection lasts."""
        sources = list(self._sources[group])
        admin = AIOKafkaAdminClient(**self._connection)
        try:
            async with asyncio.timeout(ANSWER_S):
                await admin.start()
            while True:
                async with asyncio.timeout(ANSWER_S):
                    found = await admin.list_consumer_group_offsets(group, partitions=sources)
                for source, entry in found.items():
                    self._take(source, entry.offset)
                await asyncio.sleep(LOOK_S)
        finally:
            await admin.close()

    def _take(self, source: TopicPartition, offset: int) -> None:
        if offset > self.committed.get(source, -1):
            self.committed[source] = offset
            self.movements.setdefault(source, Movement()).moved(self.now)

    async def _follow_server(self, role: str) -> None:
        while True:
            ready, _ = await asyncio.to_thread(readiness, self.servers[role])
            if ready:
                self.movements.setdefault(role, Movement()).moved(self.now)
            await asyncio.sleep(LOOK_S)
