"""What a trainer measures, and the lines it writes about it."""

import time
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from agents.cut import Cut
from agents.worker_metrics import WorkerMetrics
from pipeline.batch import StepReport
from schemas.events import Tally
from tables.process_metrics import measure_process

log = structlog.get_logger(__name__)

DURATIONS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60)
SUMMARY_S = 5.0


class TrainerMetrics:
    """Prometheus metrics of one trainer, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        measure_process(registry, "trainer")
        self.worker = WorkerMetrics(registry)
        self.active = Gauge("svq_trainer_active", "1 for the trainer that learns, 0 on standby", registry=registry)
        self.exposures = Counter("svq_exposures", "Exposures learnt from", registry=registry)
        self.rejected = Counter(
            "svq_rejected_events", "Events sent to the dead letters, by reason", ["reason"], registry=registry
        )
        self.unknown_fields = Counter("svq_unknown_fields", "Fields of events that nobody reads", registry=registry)
        self.steps = Histogram("svq_training_step_seconds", "One training step", registry=registry, buckets=DURATIONS)
        self.publishes = Histogram(
            "svq_publish_seconds", "The transaction of one version", registry=registry, buckets=DURATIONS
        )
        self.version = Gauge("svq_model_version", "Last version published", registry=registry)
        self.version_time = Gauge(
            "svq_model_version_time_seconds", "When the last version was committed", registry=registry
        )
        self.clock = Gauge("svq_model_clock_events", "Exposures that the model has learnt from", registry=registry)
        self.loss = Gauge("svq_loss", "Loss of the last version's steps, by part", ["part"], registry=registry)
        self.codes = Gauge("svq_codes", "Codes of the codebook", registry=registry)
        self.codes_used = Gauge("svq_codes_used", "Codes with a noticeable share of the mass", registry=registry)
        self.perplexity = Gauge("svq_codebook_perplexity", "Codes that would be as even", registry=registry)
        self.waiting = Gauge("svq_exposures_waiting", "Decoded exposures that wait for a step", registry=registry)


class TrainerReporter:
    """Told of every step and version: counts them, and says every few seconds how it goes."""

    def __init__(self, metrics: TrainerMetrics, lag: Callable[[], int]) -> None:
        """`lag` answers how many records wait in the exposures."""
        self._metrics, self._lag = metrics, lag
        self._since, self._events = time.monotonic(), 0

    def arrived(self, waiting: int, tally: Tally) -> None:
        """Events were decoded: how many wait now, and what was skipped in them; the tally is emptied."""
        self._metrics.waiting.set(waiting)
        self._metrics.unknown_fields.inc(tally.unknown_fields)
        tally.unknown_fields = 0

    def stepped(self, report: StepReport, seconds: float) -> None:
        """One step was done."""
        self._metrics.steps.observe(seconds)
        self._metrics.exposures.inc(report.events)
        self._events += report.events

    def published(self, cut: Cut, seconds: float) -> None:
        """One version was committed."""
        commit, values, metrics = cut.commit, cut.commit.metrics, self._metrics
        metrics.publishes.observe(seconds)
        metrics.version.set(commit.version)
        metrics.version_time.set(commit.time_ms / 1000)
        metrics.clock.set(commit.clock)
        metrics.codes.set(values["codes"])
        metrics.codes_used.set(values["codes_used"])
        metrics.perplexity.set(values["perplexity"])
        if values["events"]:
            metrics.loss.labels("aux").set(values["loss_aux"])
            metrics.loss.labels("ind").set(values["loss_ind"])
        for reason, count in cut.reasons().items():
            metrics.rejected.labels(reason).inc(count)
        log.debug("published", version=commit.version, clock=commit.clock, seconds=round(seconds, 4), **values)
        self._summarise(cut)

    def _summarise(self, cut: Cut) -> None:
        now = time.monotonic()
        elapsed = now - self._since
        if elapsed < SUMMARY_S:
            return
        values = cut.commit.metrics
        log.info(
            "learning",
            events_a_second=round(self._events / elapsed),
            lag=self._lag(),
            version=cut.commit.version,
            clock=cut.commit.clock,
            loss=round(values["loss_aux"], 3),
            loss_ind=round(values["loss_ind"], 3),
            codes_used=int(values["codes_used"]),
            perplexity=round(values["perplexity"], 1),
        )
        self._since, self._events = now, 0
