"""Replica of the `clusters` table in the trainer: which codes hold no item, so that they may move."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streamvq_client.changelog import Record
from streamvq_client.rows import decode_cluster

from agents.table_follower import TableFollower
from tables.pulse import Pulse

# An item that was filed just now may not be in the table yet.
QUIET_MS = 10_000


class ClusterSizes:
    """Items of each cluster, the shares of all partitions added up.

    >>> sizes = ClusterSizes()
    >>> sizes.put(0, 1, items=2, time_ms=0)
    >>> sizes.put(1, 1, items=1, time_ms=0)
    >>> sizes.put(0, 2, items=0, time_ms=0)
    >>> sizes.empty(4, now_ms=60_000)
    [0, 2, 3]
    """

    def __init__(self) -> None:
        self._shares: dict[tuple[int, int], int] = {}
        self._items: dict[int, int] = {}
        self._changed_ms: dict[int, int] = {}

    def put(self, partition: int, cluster: int, *, items: int, time_ms: int) -> None:
        """A partition's share of one cluster is now `items`."""
        before = self._shares.get((partition, cluster), 0)
        self._shares[partition, cluster] = items
        self._items[cluster] = self._items.get(cluster, 0) + items - before
        self._changed_ms[cluster] = max(time_ms, self._changed_ms.get(cluster, 0))

    def empty(self, codes: int, now_ms: int) -> list[int]:
        """Codes without an item, and without a change for a while; none while nothing at all is filed."""
        if not any(items > 0 for cluster, items in self._items.items() if cluster >= 0):
            return []
        return [
            code
            for code in range(codes)
            if self._items.get(code, 0) == 0 and now_ms - self._changed_ms.get(code, 0) >= QUIET_MS
        ]


class EmptyClusters(TableFollower):
    """Follows the changelog of `clusters`."""

    def __init__(self, connection: Mapping[str, Any], topic: str, pulse: Pulse) -> None:
        super().__init__(connection, topic, pulse)
        self._sizes = ClusterSizes()

    def __call__(self, codes: int, now_ms: int) -> list[int]:
        """Codes that may move."""
        return self._sizes.empty(codes, now_ms)

    async def _take(self, records: Sequence[Record]) -> None:
        apply(self._sizes, records)


def apply(sizes: ClusterSizes, records: Iterable[Record]) -> None:
    """Bring the sizes up to date. Raises FormatError for a row that is none."""
    for record in records:
        row = decode_cluster(record.value) if record.value is not None else None
        items, time_ms = (row.items, row.time) if row else (0, record.timestamp)
        sizes.put(record.partition, int(record.key or b"-1"), items=items, time_ms=time_ms)
