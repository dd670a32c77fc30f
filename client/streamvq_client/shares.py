"""Items and exposures of every cluster, added up over the partitions."""

from collections import Counter

from streamvq_client.errors import FormatError
from streamvq_client.record import Record
from streamvq_client.rows import ClusterRow
from streamvq_client.tables import CLUSTERS


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
        self._partitions: dict[int, set[int]] = {}
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
            self._partitions[cluster].discard(partition)
        if row is not None:
            self._shares[partition, cluster] = row
            self._partitions.setdefault(cluster, set()).add(partition)
            self.items[cluster] += row.items
            self.exposures[cluster] += row.exposures

    def take(self, record: Record) -> int:
        """Take over a record of `clusters`; which cluster it is of. FormatError for what no indexer writes."""
        key, row = CLUSTERS.read(record)
        try:
            cluster = int(key)
        except ValueError as error:
            raise FormatError(f"key {key!r} of clusters is not a number") from error
        self.put(record.partition, cluster, row)
        return cluster

    def row(self, cluster: int) -> ClusterRow | None:
        """The shares of a cluster added up, last changed when the latest of them was; None when there is none."""
        shares = [self._shares[partition, cluster] for partition in self._partitions.get(cluster, ())]
        if not shares:
            return None
        return ClusterRow(self.items[cluster], self.exposures[cluster], max(share.time for share in shares))

    def held(self) -> list[tuple[int, bytes]]:
        """Partition and key of every share."""
        return [(partition, str(cluster).encode()) for partition, cluster in self._shares]
