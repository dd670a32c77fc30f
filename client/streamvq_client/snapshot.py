"""The present state of a table, read once."""

import time
from collections.abc import Collection, Mapping
from typing import Any

from streamvq_client.changelog import ChangelogReader, Record
from streamvq_client.errors import UnreachableError


async def read_table(
    connection: Mapping[str, Any], topic: str, *, keys: Collection[bytes] | None = None, timeout_s: float = 30.0
) -> dict[tuple[int, bytes], Record]:
    """The rows that a table holds now: (partition, key) -> its last record.

    A row has one home partition, except in `clusters`, where every partition holds its share. Needs memory for the
    whole table, or for the home partitions of `keys`.

    Args:
        connection: aiokafka's arguments.
        topic: the table's changelog, see `streamvq_client.tables`.
        keys: only these rows.
        timeout_s: how long Kafka may take for an answer, not for all of them.

    Raises:
        ReaderError: Kafka cannot be read; the class says why.
    """
    rows: dict[tuple[int, bytes], Record] = {}
    async with ChangelogReader(connection, [topic], keys=keys, timeout_s=timeout_s) as reader:
        moved, positions = time.monotonic(), reader.positions
        while not reader.ready:
            for record in await reader.poll():
                apply(rows, record, keys)
            if reader.positions != positions:
                moved, positions = time.monotonic(), reader.positions
            elif time.monotonic() - moved > timeout_s:
                raise UnreachableError(
                    f"{topic}: nothing came for {timeout_s:g} s, still waiting for {reader.waiting_for()}"
                )
    return rows


def apply(rows: dict[tuple[int, bytes], Record], record: Record, keys: Collection[bytes] | None = None) -> None:
    """Put a record into a table, or take its row out; other keys than these are left out."""
    if record.key is None or (keys is not None and record.key not in keys):
        return
    if record.value is None:
        rows.pop((record.partition, record.key), None)
    else:
        rows[record.partition, record.key] = record
