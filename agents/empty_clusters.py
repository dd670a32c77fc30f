"""Replica of the `clusters` table in the trainer: which codes hold no item, so that they may move."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from streamvq_client.changelog import Record
from streamvq_client.rows import decode_cluster

from agents.table_follower import TableFollower
from tables.pulse import Pulse

# An item that was filed just now may not be in the table yet. Counted from when we saw the table change: what the time
# is, two machines need not agree on.
QUIET_S = 10.0


class ClusterSizes:
    """Items of each cluster, the shares of all partitions added up.

    >>> sizes = ClusterSizes()
    >>> sizes.put(0, 1, items=2, now=0.0)
    >>> sizes.put(1, 1, items=1, now=0.0)
    >>> sizes.put(0, 2, items=0, now=0.0)
    >>> sizes.empty(4, now=60.0)
    [0, 2, 3]
    """

    def __init__(self) -> None:
        self._shares: dict[tuple[int, int], int] = {}
        self._items: dict[int, int] = {}
        self._changed: dict[int, float] = {}

    def put(self, partition: int, cluster: int, *, items: int, now: float) -> None:
        """A partition's share of one cluster is now `items`; seconds of any steady clock."""
        before = self._shares.get((partition, cluster), 0)
        self._shares[partition, cluster] = items
        self._items[cluster] = self._items.get(cluster, 0) + items - before
        self._changed[cluster] = now

    def empty(self, codes: int, now: float) -> list[int]:
        """Codes without an item, and without a change for a while; none while nothing at all is filed."""
        if not any(items > 0 for cluster, items in self._items.items() if cluster >= 0):
            return []
        return [
            code
            for code in range(codes)
            if self._items.get(code, 0) == 0 and now - self._changed.get(code, -QUIET_S) >= QUIET_S
        ]


class EmptyClusters(TableFollower):
    """Follows the changelog of `clusters`."""

    def __init__(
        self, connection: Mapping[str, Any], topic: str, pulse: Pulse, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(connection, topic, pulse)
        self._sizes, self._clock = ClusterSizes(), clock

    def __call__(self, codes: int) -> list[int]:
        """Codes that may move."""
        return self._sizes.empty(codes, self._clock())

    async def _take(self, records: Sequence[Record]) -> None:
        apply(self._sizes, records, self._clock())


def apply(sizes: ClusterSizes, records: Iterable[Record], now: float) -> None:
    """Bring the sizes up to date. Raises FormatError for a row that is none."""
    for record in records:
        items = decode_cluster(record.value).items if record.value is not None else 0
        sizes.put(record.partition, int(record.key or b"-1"), items=items, now=now)
