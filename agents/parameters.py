"""The follower of the topic `parameters`: every version that a trainer commits reaches the replica."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import structlog
from streamvq_client.changelog import ChangelogReader
from streamvq_client.errors import ReadAgainError
from streamvq_client.freshness import steady_now

from agents.placer import Placer
from tables.pulse import Pulse

log = structlog.get_logger(__name__)

# Compaction leaves the last hour alone. Whoever has older records before them may meet a mixture of versions.
BEHIND_S = 1800.0
POLL_MS = 200
POLL_RECORDS = 20_000


class Unread:
    """How long ago the oldest record that was not read yet can have been written, by our own measure of time.

    Records carry the writer's wall clock. Were it compared with ours, one that is wrong would look like a delay that
    reading again does not mend.

    >>> now = 0.0
    >>> unread = Unread(lambda: now)
    >>> unread.look(5, lag=3)
    >>> now = 9.0
    >>> unread.look(7, lag=4); unread.age_s
    9.0
    >>> unread.look(8, lag=3); now = 10.0
    >>> unread.look(11, lag=0); unread.age_s
    1.0
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None
        self._mark = (0.0, 0)  # when the end was looked at, and where it was

    @property
    def age_s(self) -> float:
        """Seconds, 0 before the first look."""
        return 0.0 if self._since is None else self._clock() - self._since

    def look(self, position: int, lag: int) -> None:
        """Records below `position` have been read, `lag` others are there."""
        now = self._clock()
        if self._since is None:
            self._since = now
        elif position >= self._mark[1]:
            self._since = self._mark[0]
        else:
            return
        self._mark = now, position + lag


class ParametersFollower:
    """Feeds a placer, for as long as the process lives.

    Attributes:
        ready: set once everything that the topic held at the start has been read, be it nothing.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        topic: str,
        placer: Placer,
        pulse: Pulse,
        clock: Callable[[], float] = steady_now,
    ) -> None:
        self.ready = asyncio.Event()
        self._connection, self._topic, self._placer, self._pulse = connection, topic, placer, pulse
        self._clock = clock
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
        """Read the topic from its beginning, until it has to be read again."""
        async with ChangelogReader(self._connection, [self._topic]) as reader:
            unread = Unread(self._clock)
            while True:
                try:
                    records = await reader.poll(POLL_RECORDS, POLL_MS)
                except ReadAgainError as error:
                    log.warning("reading all parameters again", topic=self._topic, reason=str(error))
                    return
                if unread.age_s > BEHIND_S:
                    log.warning("far behind the trainer, reading all parameters again", topic=self._topic)
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
                if reader.ready:  # before, what compaction has left of old records is no sign of delay
                    unread.look(reader.positions[self._topic, 0], self._lag)

    def _report(self, before: int, records: int) -> None:
        if before == 0 and self._placer.version:
            log.info("first version of the model", version=self._placer.version, records=records)
