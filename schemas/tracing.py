"""Settings of traces."""

from pydantic import Field

from schemas.section import Section


class TracingSettings(Section):
    """Traces by OpenTelemetry, from a request through Kafka to the step that files an item; off by default."""

    endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+",
        description="Where a collector takes OTLP over HTTP, such as http://127.0.0.1:4318; unset: no traces.",
    )
    ratio: float = Field(
        1.0, ge=0, le=1, description="Share of the traces that begin here which are kept; a caller's decision stands."
    )
