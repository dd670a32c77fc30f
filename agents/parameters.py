"""The follower of the topic `parameters`: every version that a trainer commits reaches the replica."""

import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn

import structlog
from streamvq_client.changelog import ChangelogReader
from streamvq_client.errors import ReadAgainError

from agents.placer import Placer
from tables.pulse import Pulse

log = structlog.get_logger(__name__)

POLL_MS = 200
POLL_RECORDS = 20_000


class ParametersFollower:
    """Feeds a placer, for as long as the process lives.

    Attributes:
        ready: set once everything that the topic held at the start has been read, be it nothing.
    """

    def __init__(self, connection: Mapping[str, Any], topic: str, placer: Placer, pulse: Pulse) -> None:
        self.ready = asyncio.Event()
        self._connection, self._topic, self._placer, self._pulse = connection, topic, placer, pulse
        self._lag = self._left = 0

    @property
    def lag(self) -> int:
        """Records behind the end, as of Kafka's last answer."""
        return self._lag

    def waiting_for(self) -> list[str]:
        """What is missing at the start, in words; nothing when ready."""
        return [] if self.ready.is_set() else [f"{self._topic}: {self._left:,} records left"]

    async def run(self) -> NoReturn:
        """Follow; to be guarded, for a replica that no longer follows would file by an old model for ever."""
        self._pulse.beat()
        while True:
            await self._follow()
            await self._placer.read_again()

    async def _follow(self) -> None:
        """Read the topic from its beginning, until it has to be read again.

        Compaction leaves the last hour alone. Whoever is further behind may meet a mixture of versions: the reader
        then raises ReadAgainError.
        """
        async with ChangelogReader(self._connection, [self._topic]) as reader:
            while True:
                try:
                    records = await reader.poll(POLL_RECORDS, POLL_MS)
                except ReadAgainError as error:
                    log.warning("reading all parameters again", topic=self._topic, reason=str(error))
                    return
                pairs = [(record.key, record.value) for record in records]
                before = self._placer.version
                if records:
                    self._pulse.rest()  # the thread has a limit of its own, a longer one for a whole model
                if not await self._placer.feed(pairs, complete=reader.ready):
                    log.info("configuration changed, reading all parameters again", topic=self._topic)
                    return
                self._report(before, len(records))
                self._left = reader.waiting_for().get(self._topic, 0)
                if reader.ready:
                    self.ready.set()
                self._lag = reader.lag()[self._topic]
                self._pulse.look(reader.positions, behind=self._lag > 0)

    def _report(self, before: int, records: int) -> None:
        if before == 0 and self._placer.version:
            log.info("first version of the model", version=self._placer.version, records=records)
