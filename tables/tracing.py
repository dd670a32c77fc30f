"""Traces by OpenTelemetry. Where no endpoint is set nothing is imported, and whoever would trace holds None."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Self

from schemas.errors import SettingsError
from schemas.tracing import TracingSettings
from tables.process_metrics import Role

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext

HEADER: Final = "traceparent"
MOST_LINKS: Final = 128
CLOSE_MS: Final = 2000
Headers = Sequence[tuple[str, bytes]]


class Tracing:
    """Begins spans and sends them, in batches and from a thread of its own; a collector that is away costs nothing."""

    def __init__(self, settings: TracingSettings, role: Role) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, TraceIdRatioBased
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        # A worker has spans for records only whose own trace is kept.
        sampler = ParentBased(TraceIdRatioBased(settings.ratio)) if role == "server" else ALWAYS_ON
        resource = Resource.create({"service.name": f"svq-{role}", "service.version": version("streamvq")})
        self._provider = TracerProvider(sampler=sampler, resource=resource)
        exporter = OTLPSpanExporter(endpoint=f"{str(settings.endpoint).rstrip('/')}/v1/traces", timeout=5)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("streamvq", version("streamvq"))
        self._propagator = TraceContextTextMapPropagator()

    @classmethod
    def of(cls, settings: TracingSettings, role: Role) -> Self | None:
        """None where traces are off; SettingsError where what they need is not installed."""
        if settings.endpoint is None:
            return None
        try:
            return cls(settings, role)
        except ImportError as error:
            raise SettingsError(
                f"tracing.endpoint is set, but {error.name} is missing: install streamvq[tracing]"
            ) from error

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator["Span"]:
        """A span of a request, below the caller's where its headers name one. What is called within is below it."""
        from opentelemetry.trace import SpanKind

        above = self._propagator.extract(headers)
        with self._tracer.start_as_current_span(
            method, above, SpanKind.SERVER, {"http.request.method": method}, record_exception=False
        ) as span:
            yield span

    def headers(self) -> Headers:
        """What a record carries so that whoever reads it can say what caused its work."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return [(name, value.encode()) for name, value in carrier.items()]

    @contextmanager
    def step(self, topic: str, partition: int, records: Iterable[Headers]) -> Iterator[None]:
        """A span of a step, linked to what published its records; none where no record belongs to a trace."""
        from opentelemetry.trace import Link, NonRecordingSpan, SpanKind, set_span_in_context

        causes = list(self._causes(records))
        if not causes:
            yield
            return
        # A step of one cause continues its trace; of several it is a trace of its own that names them.
        above = set_span_in_context(NonRecordingSpan(causes[0])) if len(causes) == 1 else None
        links: list[Link] = [Link(cause) for cause in causes]
        attributes: dict[str, Any] = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
        }
        with self._tracer.start_as_current_span(f"process {topic}", above, SpanKind.CONSUMER, attributes, links):
            yield

    def close(self) -> None:
        """Send what is left, within a short time."""
        self._provider.force_flush(CLOSE_MS)
        self._provider.shutdown()

    def _causes(self, records: Iterable[Headers]) -> "Iterator[SpanContext]":
        from opentelemetry.trace import get_current_span

        seen: set[str] = set()
        for headers in records:
            value = next((value for name, value in headers if name == HEADER), b"")
            text = bytes(value or b"").decode("ascii", "replace")
            if not text or text in seen:
                continue
            seen.add(text)
            cause = get_current_span(self._propagator.extract({HEADER: text})).get_span_context()
            if cause.is_valid and cause.trace_flags.sampled:
                yield cause
            if len(seen) == MOST_LINKS:
                return
