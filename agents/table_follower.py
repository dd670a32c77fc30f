"""A table of the indexers as the trainer sees it: read whole at the start, followed from then on."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from streamvq_client.changelog import ChangelogReader, Record

from schemas.errors import UnreachableError
from tables.pulse import Pulse

# Decoding these takes some 10 ms: no step waits for longer.
RECORDS_AT_A_TIME = 1000


class TableFollower(ABC):
    """Reads one changelog; what its rows mean is the subclass's."""

    def __init__(self, connection: Mapping[str, Any], topic: str, pulse: Pulse) -> None:
        """`pulse` beats as long as the reader gets on."""
        self._pulse = pulse
        self._reader = ChangelogReader(connection, [topic])
        self._topic = topic
        self._left: int | None = None

    @abstractmethod
    async def _take(self, records: Sequence[Record]) -> None:
        """Bring what is known up to date with these records, never none."""

    async def start(self, deadline_s: float) -> None:
        """Read what the table holds now. Raises UnreachableError if that takes longer than the deadline."""
        self._pulse.beat()
        await self._reader.start()
        self._count()
        try:
            async with asyncio.timeout(deadline_s):
                while self._left != 0:
                    await self._read()
        except TimeoutError:
            left = self._reader.waiting_for()
            raise UnreachableError(
                f"{self._topic} was not read within {deadline_s:.0f} s, still waiting for {left}: "
                "raise trainer.restore_deadline_s, or see what holds Kafka up"
            ) from None

    def waiting_for(self) -> list[str]:
        """What is missing until `start` returns, in words; nothing when it has."""
        if self._left is None:
            return [self._topic]
        return [f"{self._topic}: {self._left:,} records left"] if self._left else []

    async def follow(self) -> None:
        """Keep up with the table, for ever."""
        while True:
            await self._read()

    async def stop(self) -> None:
        """Disconnect."""
        await self._reader.stop()

    async def _read(self) -> None:
        records = await self._reader.poll(max_records=RECORDS_AT_A_TIME)
        self._pulse.look(self._reader.positions, behind=any(self._reader.lag().values()))
        if records:
            self._pulse.rest()  # the training thread may be at something longer first, and has a pulse of its own
            await self._take(records)
            self._pulse.beat()
        self._count()

    def _count(self) -> None:
        self._left = self._reader.waiting_for().get(self._topic, 0)
