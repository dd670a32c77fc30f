"""What every worker measures about itself."""

from prometheus_client import CollectorRegistry, Gauge


class WorkerMetrics:
    """Lag, age of the last step, and how late the event loop is, in the worker's own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Gauge(
            "svq_consumer_lag_records", "Records behind the end of a source", ["topic", "partition"], registry=registry
        )
        self.stepped = Gauge(
            "svq_last_step_time_seconds", "When the last step was committed, 0 before the first", registry=registry
        )
        self.loop_lag = Gauge("svq_event_loop_lag_seconds", "How late the event loop wakes up", registry=registry)
