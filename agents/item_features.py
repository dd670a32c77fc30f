"""Replica of the `items` table in the trainer: features to learn from, and the catalogue negatives are drawn from."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from streamvq_client.changelog import ChangelogReader, Record
from streamvq_client.rows import decode_item

from pipeline.catalogue import Catalogue
from schemas.errors import UnreachableError

log = structlog.get_logger(__name__)

# Decoding these takes some 10 ms: no step waits for longer.
RECORDS_AT_A_TIME = 1000


InThread = Callable[..., Awaitable[Any]]  # a function and its arguments, run in the one thread of training


class ItemFeatures:
    """Follows the changelog of `items`. The catalogue is touched in the training thread only, between two steps."""

    def __init__(self, connection: Mapping[str, Any], topic: str, catalogue: Catalogue, in_thread: InThread) -> None:
        self._reader = ChangelogReader(connection, [topic])
        self._topic = topic
        self._catalogue = catalogue
        self._in_thread = in_thread

    async def start(self, deadline_s: float) -> None:
        """Read what the table holds now. Raises UnreachableError if that takes longer than the deadline."""
        await self._reader.start()
        try:
            async with asyncio.timeout(deadline_s):
                while not self._reader.ready:
                    await self._read()
        except TimeoutError:
            left = self._reader.waiting_for()
            raise UnreachableError(
                f"{self._topic} was not read within {deadline_s:.0f} s, still waiting for {left}: "
                "raise trainer.restore_deadline_s, or see what holds Kafka up"
            ) from None
        log.info("items read", items=len(self._catalogue))

    async def follow(self) -> None:
        """Keep up with the table, for ever."""
        while True:
            await self._read()

    async def stop(self) -> None:
        """Disconnect."""
        await self._reader.stop()

    async def _read(self) -> None:
        records = await self._reader.poll(max_records=RECORDS_AT_A_TIME)
        if records:
            await self._in_thread(apply, self._catalogue, records)


def apply(catalogue: Catalogue, records: Sequence[Record]) -> None:
    """Bring the catalogue up to date; a deletion mark takes its item out. Raises FormatError for a row that is none."""
    for record in records:
        name = (record.key or b"").decode()
        row = decode_item(record.value) if record.value is not None else None
        if row is None or row.deleted is not None:
            catalogue.delete(name)
        else:
            catalogue.put(name, row.features)
