"""Items and exposures of every cluster, added up over the partitions."""

from collections import Counter

from streamvq_client.rows import ClusterRow


class Shares:
    """Each partition of `clusters` holds its own share in absolute numbers; what counts is their sum.

    >>> shares = Shares()
    >>> shares.put(0, 7, ClusterRow(items=2, exposures=10, time=0))
    >>> shares.put(1, 7, ClusterRow(items=1, exposures=5, time=0))
    >>> shares.put(0, 7, ClusterRow(items=3, exposures=11, time=1))
    >>> shares.items[7], shares.exposures[7]
    (4, 16)
    """

    def __init__(self) -> None:
        self.items: Counter[int] = Counter()
        self.exposures: Counter[int] = Counter()
        self._shares: dict[tuple[int, int], ClusterRow] = {}

    def known(self) -> set[int]:
        """Clusters of which any partition has a share."""
        return {cluster for _, cluster in self._shares}

    def put(self, partition: int, cluster: int, row: ClusterRow | None) -> None:
        """Replace one partition's share of a cluster; None when it has none any more."""
        before = self._shares.pop((partition, cluster), None)
        if before is not None:
            self.items[cluster] -= before.items
            self.exposures[cluster] -= before.exposures
        if row is not None:
            self._shares[partition, cluster] = row
            self.items[cluster] += row.items
            self.exposures[cluster] += row.exposures
