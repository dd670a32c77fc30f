"""Settings of the HTTP service beside answers: publishing through it, and who may do what."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from schemas.section import Section


class PublishingSettings(Section):
    """Events that are published over HTTP."""

    deadline_ms: int = Field(
        5000, ge=100, description="How long Kafka may take to confirm events before the request is answered with 503."
    )
    inflight_bytes: int = Field(
        33_554_432,
        ge=1_048_576,
        description="Most bytes of events that wait for Kafka to confirm them; beyond it, requests get 429.",
    )
    inflight_events: int = Field(50_000, ge=1, description="Most events that wait for Kafka to confirm them.")
    streams: int = Field(16, ge=1, description="Most bodies of lines that are read at the same time.")
    idempotency_keys: int = Field(
        10_000, ge=1, description="Most Idempotency-Keys remembered; the oldest is forgotten for a new one."
    )
    idempotency_s: float = Field(86_400.0, gt=0, description="How long an Idempotency-Key is remembered.")


class SecuritySettings(Section):
    """Who may use the HTTP service, and how much of it."""

    keys: Path | None = Field(
        None, description="File of API keys, written by `svq keys`; unset: whoever reaches the server may use it."
    )
    tls_certificate: Path | None = Field(
        None, description="The server's certificate with those between it and the root (PEM); unset: no TLS."
    )
    tls_key: Path | None = Field(None, description="Private key of `tls_certificate` (PEM), if not in that file.")
    tls_key_password: SecretStr | None = Field(
        None, description="Password of `tls_key`; set it as SVQ_SECURITY__TLS_KEY_PASSWORD."
    )
    requests_per_minute: int | None = Field(
        None, ge=1, description="Most requests of one API key a minute, beyond which it gets 429; unset: no limit."
    )
    header_deadline_s: float = Field(
        10.0, gt=0, description="How long a connection may take for the first line and the headers of a request."
    )
    body_deadline_s: float = Field(
        10.0, gt=0, description="How long a body may take, and of a body of lines the next piece."
    )

    @model_validator(mode="after")
    def _key_has_certificate(self) -> Self:
        if self.tls_key and not self.tls_certificate:
            raise ValueError("tls_key needs tls_certificate")
        return self
