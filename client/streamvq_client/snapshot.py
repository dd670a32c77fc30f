"""What a topic holds, read once."""

import time
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from streamvq_client.changelog import ChangelogReader
from streamvq_client.errors import UnreachableError
from streamvq_client.record import Record


async def read_topic(
    connection: Mapping[str, Any],
    topic: str,
    *,
    keys: Collection[bytes] | None = None,
    whole: bool = False,
    timeout_s: float = 30.0,
) -> AsyncIterator[Record]:
    """Every record that the topic holds now, then the end.

    Args:
        connection: aiokafka's arguments.
        topic: its name.
        keys: only the partitions where these keys live.
        whole: it is a table: TruncatedError where its beginning is gone.
        timeout_s: how long Kafka may take for an answer, not for all of them.

    Raises:
        ClientError: Kafka cannot be read; the class says why.
    """
    shortened = [] if whole else [topic]
    async with ChangelogReader(connection, [topic], keys=keys, shortened=shortened, timeout_s=timeout_s) as reader:
        moved, positions = time.monotonic(), reader.positions
        while not reader.ready:
            for record in await reader.poll():
                yield record
            if reader.positions != positions:
                moved, positions = time.monotonic(), reader.positions
            elif time.monotonic() - moved > timeout_s:
                left = reader.waiting_for().get(topic, 0)
                raise UnreachableError(f"{topic}: nothing came for {timeout_s:g} s, {left} offsets are still missing")


async def read_table(
    connection: Mapping[str, Any],
    topic: str,
    *,
    keys: Collection[bytes] | None = None,
    key_prefix: bytes = b"",
    timeout_s: float = 30.0,
) -> dict[tuple[int, bytes], Record]:
    """The rows that a table holds now: (partition, key) -> its last record.

    A row has one home partition, except in `clusters`, where every partition holds its share. Needs memory for all
    rows that are asked for.

    Args:
        connection: aiokafka's arguments.
        topic: the table's changelog, see `streamvq_client.tables`.
        keys: only these rows, from their home partitions; not for `clusters`.
        key_prefix: only rows whose key begins like this.
        timeout_s: how long Kafka may take for an answer, not for all of them.

    Raises:
        ClientError: Kafka cannot be read; the class says why.
    """
    rows: dict[tuple[int, bytes], Record] = {}
    async for record in read_topic(connection, topic, keys=keys, whole=True, timeout_s=timeout_s):
        key = record.key
        if key is None or not key.startswith(key_prefix) or (keys is not None and key not in keys):
            continue
        if record.value is None:
            rows.pop((record.partition, key), None)
        else:
            rows[record.partition, key] = record
    return rows
