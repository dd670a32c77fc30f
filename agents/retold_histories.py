"""Histories as they were before a time: without the positives that happened since."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from streamvq_client.rows import HistoryRow, decode_history, encode
from streamvq_client.snapshot import read_topic

HistoryRows = dict[int, dict[bytes, bytes | None]]


async def without_positives_since(connection: Mapping[str, Any], topic: str, since_ms: int) -> HistoryRows:
    """Partition -> rows of the users who liked something since (ms since 1970), None for those with nothing left.

    What a full history dropped to make room for these positives does not come back.
    """
    changed: HistoryRows = {}
    async for record in read_topic(connection, topic, whole=True):
        rows = changed.setdefault(record.partition, {})
        key = record.key or b""
        rows.pop(key, None)  # a later row of the user is the one that counts
        if record.value is not None:
            row = decode_history(record.value)
            kept = bisect_left(row.times, since_ms)
            if kept < len(row.times):
                rows[key] = encode(HistoryRow(row.items[:kept], row.times[:kept])) if kept else None
    return {partition: rows for partition, rows in changed.items() if rows}
