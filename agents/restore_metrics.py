"""How far the restore of a worker's shards is, for Prometheus."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tables.shards import Shards


class RestoreMetrics(Collector):
    """Read from the shards when asked for; all zero while they work."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        waiting = [shard.progress for shard in self._shards.restoring]
        yield GaugeMetricFamily("svq_restore_shards", "Shards that are not restored yet", value=len(waiting))
        yield GaugeMetricFamily(
            "svq_restore_left_records", "Offsets to be read until they are", value=sum(p.left for p in waiting)
        )
        yield GaugeMetricFamily(
            "svq_restore_records_per_second", "Offsets read a second", value=sum(p.a_second for p in waiting if p.left)
        )
