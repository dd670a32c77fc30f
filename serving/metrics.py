"""What Prometheus reads at /metrics."""

from collections import Counter as TopicCount
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from streamvq_client.record import Record

from schemas.http import Answer
from schemas.http_publish import Published
from schemas.http_state import Stats
from serving.state import Observer
from tables.process_metrics import measure_process

LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
VISIBLE = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """One registry a server: counters and histograms that the parts write to, gauges that are read when asked for."""

    def __init__(self, observer: Observer) -> None:
        self.registry = CollectorRegistry()
        measure_process(self.registry, "server")
        self.registry.register(_Gauges(observer))
        self._requests = Counter("svq_requests", "Requests", ("route", "status"), registry=self.registry)
        self._seconds = Histogram(
            "svq_request_seconds", "Time a request took", ("route",), buckets=LATENCY, registry=self.registry
        )
        self._answers = Counter("svq_answers", "Answers by what they rest on", ("rests_on",), registry=self.registry)
        self._records = Counter("svq_replica_records", "Records taken", ("topic",), registry=self.registry)
        self._readings = Counter("svq_replica_readings", "Times that everything was read anew", registry=self.registry)
        self._slices = Histogram(
            "svq_replica_slice_seconds",
            "Time one slice of records or one version kept queries waiting",
            ("what",),
            buckets=LATENCY,
            registry=self.registry,
        )
        self._visible = Histogram(
            "svq_row_visible_seconds",
            "Time from writing an index row to its being retrievable",
            buckets=VISIBLE,
            registry=self.registry,
        )
        self.on_request: Callable[[str, int, float], None] | None = None
        """Told of every request: its route, status and seconds."""
        self._published = Counter(
            "svq_published_events",
            "Events published over HTTP by what became of them",
            ("stream", "outcome"),
            registry=self.registry,
        )
        self._waiting = Gauge("svq_publishing_events", "Events that wait for Kafka", registry=self.registry)
        self._waiting_bytes = Gauge(
            "svq_publishing_bytes", "Bytes of events that wait for Kafka", registry=self.registry
        )
        self.loop_lag = Gauge("svq_event_loop_lag_seconds", "How late the event loop wakes up", registry=self.registry)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if self.on_request is not None:
            self.on_request(route, status, seconds)

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        self._answers.labels(answer.rests_on).inc()

    def published(self, stream: str, published: Published) -> None:
        """Count the events of a request."""
        self._published.labels(stream, "acknowledged").inc(published.acknowledged)
        self._published.labels(stream, "rejected").inc(published.rejected)
        self._published.labels(stream, "unacknowledged").inc(published.unacknowledged)

    def watch_outbox(self, inflight: Callable[[], tuple[int, int]]) -> None:
        """Ask here how many bytes and events wait for Kafka."""
        self._waiting_bytes.set_function(lambda: inflight()[0])
        self._waiting.set_function(lambda: inflight()[1])

    def took(self, what: str, seconds: float) -> None:
        """Note how long queries could not run."""
        self._slices.labels(what).observe(seconds)

    def read(self, records: Sequence[Record]) -> None:
        """Count records by topic."""
        for topic, count in TopicCount(record.topic for record in records).items():
            self._records.labels(topic).inc(count)

    def reading(self) -> None:
        """Everything is read anew."""
        self._readings.inc()

    def visible(self, seconds: float) -> None:
        """Note how old an index row was when queries could find it."""
        self._visible.observe(max(seconds, 0.0))

    def exposition(self) -> bytes:
        """Everything, in the format that Prometheus reads."""
        return generate_latest(self.registry)


class _Gauges(Collector):
    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def collect(self) -> Iterator[Metric]:
        stats = self._observer.stats()
        for name, (what, value) in _values(stats).items():
            yield GaugeMetricFamily(name, what, value=value)
        lag = GaugeMetricFamily("svq_replica_lag_records", "Records not read yet", labels=["topic"])
        for topic in stats.readiness.topics:
            lag.add_metric([topic.topic], topic.lag)
        yield lag


def _values(stats: Stats) -> dict[str, tuple[str, float]]:
    readiness = stats.readiness
    return {
        "svq_ready": ("1 when every topic has been read", float(readiness.ready)),
        "svq_items": ("Retrievable items", stats.items),
        "svq_filed_items": ("Retrievable items with a code", stats.filed),
        "svq_users": ("Users with a history", stats.users),
        "svq_codes": ("Codes", stats.codes),
        "svq_used_codes": ("Codes with an item", stats.codes_used),
        "svq_item_perplexity": ("Perplexity of the clusters over items", stats.perplexity),
        "svq_largest_cluster_items": ("Items of the largest cluster", stats.largest_cluster),
        "svq_counted_exposures": ("Exposures over all clusters", stats.exposures),
        "svq_model_version": ("Version in force", stats.version),
        "svq_model_clock": ("Exposures the model learnt from", stats.clock),
        "svq_model_age_seconds": ("Time since the version was published", readiness.version_age_s or 0.0),
        "svq_kafka_silent_seconds": ("Time since Kafka last answered", readiness.silent_s or 0.0),
    }
