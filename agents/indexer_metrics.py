"""What an indexer measures."""

import contextlib

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from agents.worker_metrics import WorkerMetrics
from tables.process_metrics import measure_process

LATENCIES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60)


class IndexerMetrics:
    """Prometheus metrics of one indexer, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        measure_process(registry, "indexer")
        self.worker = WorkerMetrics(registry)
        self.candidates = Counter(
            "svq_candidates", "Candidate records by what became of them", ["result"], registry=registry
        )
        self.rejected = Counter(
            "svq_rejected_events", "Events sent to the dead letters, by reason", ["reason"], registry=registry
        )
        self.unknown_fields = Counter("svq_unknown_fields", "Fields of events that nobody reads", registry=registry)
        self.assignments = Counter(
            "svq_assignments", "Placements from the trainer by what became of them", ["result"], registry=registry
        )
        self.steps = Histogram(
            "svq_step_seconds", "A step from its events to its commit", ["agent"], registry=registry, buckets=LATENCIES
        )
        self.delay = Histogram(
            "svq_candidate_delay_seconds",
            "From a candidate's arrival in Kafka to its committed row",
            registry=registry,
            buckets=LATENCIES,
        )
        self.scanned = Counter(
            "svq_scanned_rows", "Rows that the scanner looked at, by result", ["result"], registry=registry
        )
        self.scan_seconds = Gauge(
            "svq_scan_seconds", "How long the last full scan took", ["partition"], registry=registry
        )
        self.misplaced = Gauge(
            "svq_misplaced_ratio", "Share of rows that the last full scan moved", ["partition"], registry=registry
        )
        self.items = Gauge("svq_index_items", "Items in the index", ["partition"], registry=registry)
        self.version_time = Gauge(
            "svq_model_version_time_seconds", "When the version in use was committed", registry=registry
        )
        self._of_partition = (self.items, self.scan_seconds, self.misplaced)

    def forget(self, partition: int) -> None:
        """Another worker measures this partition now."""
        for gauge in self._of_partition:
            with contextlib.suppress(KeyError):
                gauge.remove(partition)
