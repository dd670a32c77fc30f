"""The cluster shares of the partitions that this worker owns, read from their tables when they are restored."""

from agents.cluster_share import ClusterShare
from agents.partition_rows import IndexTables
from tables.shard import Shard


class Shares:
    """Partition -> share, for the shards owned now."""

    def __init__(self, tables: IndexTables) -> None:
        self._tables = tables
        self._shares: dict[int, ClusterShare] = {}

    def __getitem__(self, partition: int) -> ClusterShare:
        return self._shares[partition]

    async def load(self, shard: Shard) -> None:
        """For a shard whose tables are restored: one row a cluster, so all of them."""
        for partition in shard.partitions:
            self._shares[partition] = ClusterShare(self._tables.clusters.scan(partition))

    async def forget(self, shard: Shard) -> None:
        """For a shard that is lost."""
        for partition in shard.partitions:
            self._shares.pop(partition, None)

    def items(self) -> dict[int, int]:
        """Items of each partition."""
        return {partition: share.items for partition, share in self._shares.items()}
