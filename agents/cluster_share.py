"""One partition's share of every cluster: how many items it files there, how many exposures it counted."""

from collections.abc import Iterable

from streamvq_client.rows import NO_CLUSTER, ClusterRow, decode_cluster


def cluster_key(cluster: int) -> bytes:
    """Key of a cluster's row."""
    return b"%d" % cluster


class ClusterShare:
    """Absolute numbers in memory, equal to the rows of the partition in table `clusters` after every step.

    The items always add up to the rows of `item_index`; exposures only grow.

    >>> share = ClusterShare([])
    >>> share.move(None, 7)
    >>> share.add_exposures(7, 3)
    >>> [(key, row.items, row.exposures) for key, row in share.take_changed(now_ms=1)]
    [(b'7', 1, 3)]
    """

    def __init__(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Continue with the rows of the table."""
        self._items: dict[int, int] = {}
        self._exposures: dict[int, int] = {}
        self._changed: set[int] = set()
        for key, value in rows:
            row = decode_cluster(value)
            self._items[int(key)], self._exposures[int(key)] = row.items, row.exposures

    @property
    def items(self) -> int:
        """Rows of `item_index`."""
        return sum(self._items.values())

    @property
    def filed(self) -> int:
        """Items that have a cluster."""
        return self.items - self._items.get(NO_CLUSTER, 0)

    def move(self, before: int | None, after: int | None) -> None:
        """An item was filed under `before` (None: it had no row) and now is under `after` (None: its row is gone)."""
        if before == after:
            return
        for cluster, change in ((before, -1), (after, 1)):
            if cluster is not None:
                self._items[cluster] = self._items.get(cluster, 0) + change
                self._changed.add(cluster)

    def add_exposures(self, cluster: int, count: int) -> None:
        """Exposures of an item that is filed there, or of one without a row (-1)."""
        if count:
            self._exposures[cluster] = self._exposures.get(cluster, 0) + count
            self._changed.add(cluster)

    def take_changed(self, now_ms: int) -> list[tuple[bytes, ClusterRow]]:
        """Rows that changed since the last call."""
        changed = [
            (cluster_key(cluster), ClusterRow(self._items.get(cluster, 0), self._exposures.get(cluster, 0), now_ms))
            for cluster in sorted(self._changed)
        ]
        self._changed.clear()
        return changed
