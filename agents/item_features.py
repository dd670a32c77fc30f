"""Replica of the `items` table in the trainer: features to learn from, and the catalogue negatives are drawn from."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from streamvq_client.changelog import Record
from streamvq_client.rows import decode_item

from agents.table_follower import TableFollower
from pipeline.catalogue import Catalogue
from pipeline.eligibility import EVERYTHING, Eligibility
from tables.pulse import Pulse

log = structlog.get_logger(__name__)

InThread = Callable[..., Awaitable[Any]]  # a function and its arguments, run in the one thread of training


class ItemFeatures(TableFollower):
    """Follows the changelog of `items`. The catalogue is touched in the training thread only, between two steps."""

    def __init__(
        self,
        connection: Mapping[str, Any],
        topic: str,
        pulse: Pulse,
        catalogue: Catalogue,
        in_thread: InThread,
        eligible: Eligibility = EVERYTHING,
    ) -> None:
        super().__init__(connection, topic, pulse)
        self._catalogue, self._eligible = catalogue, eligible
        self._in_thread = in_thread

    async def start(self, deadline_s: float) -> None:
        """As of any table."""
        await super().start(deadline_s)
        log.info("items read", items=len(self._catalogue))

    async def _take(self, records: Sequence[Record]) -> None:
        await self._in_thread(apply, self._catalogue, records, self._eligible)


def apply(catalogue: Catalogue, records: Sequence[Record], eligible: Eligibility = EVERYTHING) -> None:
    """Bring the catalogue up to date; a deletion mark takes its item out, and what is not eligible is not drawn.

    Raises:
        FormatError: a row is none.
    """
    for record in records:
        name = (record.key or b"").decode()
        row = decode_item(record.value) if record.value is not None else None
        if row is None or row.deleted is not None:
            catalogue.delete(name)
        else:
            allowed = eligible.allows(row.attributes, row.features)
            catalogue.put(name, row.features, drawn=allowed, published=row.published)
