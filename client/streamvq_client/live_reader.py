"""Reads tables for as long as a program lives, also where everything has to be read anew."""

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Self

from streamvq_client.changelog import ChangelogReader
from streamvq_client.errors import ReadAgainError, UnreachableError
from streamvq_client.freshness import steady_now
from streamvq_client.gathered import Gathered, Held
from streamvq_client.record import Record

log = logging.getLogger(__name__)

PAUSE_S: Final = 0.5
"""Between two attempts to reach Kafka."""


class LiveReader:
    """A `ChangelogReader` whose rows stay the whole truth: where that one raises ReadAgainError, this one reads anew.

    Meanwhile it gathers what the tables hold and returns nothing of it, so that what was read before stays in use,
    whole. Then it returns every row there is, and a deletion for each row in use that is gone. That takes memory for
    all rows once more, as bytes. `ready` stays true: the rows are old, as they are while Kafka is away, and
    `waiting_for` says what is missing.

    Args:
        connection: aiokafka's arguments.
        tables: topics with a row a key.
        held: the rows in use of a table, when they are to be compared.
        one_life: for readers of topics that only make sense together: ReadAgainError where one of them was deleted and
            created anew.
        streams: topics that are no tables to this reader: their records are returned as they come, once more from the
            beginning with every reading.
        timeout_s: as of `ChangelogReader`.

    Raises:
        UnreachableError: at the start, Kafka did not answer. Later it is waited for.
        ReadAgainError: see `one_life`.
        TopicMissingError, TruncatedError, ReaderError: as of `ChangelogReader`.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        tables: Sequence[str],
        held: Held,
        *,
        one_life: bool = False,
        streams: Collection[str] = (),
        timeout_s: float = 30.0,
    ) -> None:
        self._connection = connection
        self._tables = list(tables)
        self._held = held
        self._one_life = one_life
        self._streams = frozenset(streams)
        self._timeout_s = timeout_s
        self._reader = self._another()
        self._lost: float | None = None
        self._gathered: Gathered | None = None
        self._changes: Iterator[Record | None] | None = None
        self._ready = False
        self._ids: dict[str, str] = {}
        self.readings = 1
        """How often everything has been read from the beginning, the present time included."""
        self.returned = 0
        """Records returned so far: with `positions` it tells whether this gets on."""

    async def start(self) -> None:
        """Connect, and note where every topic ends now."""
        await self._reader.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._reader.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def poll(self, max_records: int = 10_000, timeout_ms: int = 1000) -> list[Record]:
        """The next records to apply, in order within each partition; none if none came in time, or while it gathers."""
        records = await self._next(max_records, timeout_ms)
        self.returned += len(records)
        return records

    @property
    def ready(self) -> bool:
        """Whether everything that was there at the start has been returned; stays true."""
        return self._ready

    @property
    def reading_anew(self) -> bool:
        """Whether what is in use is older than that, and the rest not returned yet."""
        return self._lost is not None or self._gathered is not None or self._changes is not None

    @property
    def positions(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> offset of the next record to read."""
        return self._reader.positions if self._lost is None else {}

    def waiting_for(self) -> dict[str, int]:
        """Topic -> offsets missing until everything is read, at the start and when it is read anew."""
        if self._lost is not None:
            return dict.fromkeys([*self._tables, *self._streams], 0)
        return self._reader.waiting_for()

    def lag(self) -> dict[str, int]:
        """Topic -> committed offsets not read yet, as of Kafka's last answer."""
        return self.waiting_for() if self._lost is not None else self._reader.lag()

    def silent_s(self) -> float:
        """Seconds since Kafka last answered."""
        return steady_now() - self._lost if self._lost is not None else self._reader.silent_s()

    async def _next(self, max_records: int, timeout_ms: int) -> list[Record]:
        if self._changes is not None:
            looked_at = list(islice(self._changes, max_records))
            if looked_at:
                return [record for record in looked_at if record is not None]
            self._changes = None
        if self._lost is not None:
            await self._restart()
            return []
        try:
            records = await self._reader.poll(max_records, timeout_ms)
        except ReadAgainError as error:
            await self._lose(error)
            return []
        if self._gathered is not None:
            return self._gather(self._gathered, records)
        self._ready = self._ready or self._reader.ready
        return records

    def _another(self) -> ChangelogReader:
        return ChangelogReader(self._connection, [*self._streams, *self._tables], timeout_s=self._timeout_s)

    async def _lose(self, error: ReadAgainError) -> None:
        log.warning("reading everything anew: %s", error)
        self._lost, self._changes = steady_now(), None
        self._gathered = Gathered()
        self._ids = self._reader.bookmark().ids
        self.readings += 1
        await self._reader.stop()

    async def _restart(self) -> None:
        """Begin to read from the beginning, or note that Kafka is away."""
        reader = self._another()
        try:
            await reader.start()
        except UnreachableError as error:
            log.warning("not read anew yet: %s", error)
            await asyncio.sleep(PAUSE_S)
            return
        self._reader, self._lost = reader, None
        for topic, other in reader.bookmark().ids.items():
            if self._one_life and self._ids[topic] and other and other != self._ids[topic]:
                raise ReadAgainError(f"{topic} was deleted and created anew")

    def _gather(self, gathered: Gathered, records: Sequence[Record]) -> list[Record]:
        gathered.add([record for record in records if record.topic not in self._streams])
        if self._reader.ready:
            self._changes, self._gathered = gathered.changes(self._tables, self._held), None
        return [record for record in records if record.topic in self._streams]
