"""Where Kafka is, how to log in, and the arguments that aiokafka takes for it."""

import re
import ssl
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from schemas.errors import SettingsError
from schemas.section import Section

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s,:/\[\]]+):\d{1,5}")


class KafkaSettings(Section):
    """Address, login and topic layout."""

    bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Brokers to ask first: `host:port`, several with commas."
    )
    prefix: str = Field(
        "svq",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$",
        description="First part of every topic, group and transactional id: one retriever, one prefix.",
    )
    partitions: int = Field(
        4,
        ge=1,
        le=1024,
        description="Partitions of the topics that `svq topics create` makes: how far indexers scale out. "
        "`svq topics grow` adds some later. Workers take the number from the broker unless it is set.",
    )
    replication_factor: int = Field(1, ge=1, le=9, description="Copies of every partition: 3 in production.")
    retention_hours: int = Field(168, ge=1, description="How long exposures and candidates stay readable.")
    assignments_retention_hours: int = Field(
        24, ge=1, description="How long assignments stay readable: longer than indexers are ever down."
    )
    start_deadline_s: float = Field(
        60.0,
        gt=0,
        description="Longest that a worker waits at its start for Kafka to answer and for its topics to be created.",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to connect."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field("PLAIN", description="How to log in.")
    sasl_username: str | None = Field(None, description="Who logs in; needed by the SASL protocols.")
    sasl_password: SecretStr | None = Field(None, description="The password; set it as SVQ_KAFKA__SASL_PASSWORD.")
    ssl_cafile: Path | None = Field(None, description="Certificates to trust (PEM); without it, the system's.")
    ssl_certfile: Path | None = Field(None, description="Our certificate (PEM), where brokers ask for one.")
    ssl_keyfile: Path | None = Field(None, description="Private key of `ssl_certfile` (PEM).")
    ssl_key_password: SecretStr | None = Field(None, description="Password of `ssl_keyfile`.")

    @field_validator("bootstrap_servers")
    @classmethod
    def _addresses(cls, value: str) -> str:
        addresses = [part.strip() for part in value.split(",")]
        for address in addresses:
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is not an address; write host:port, for example 127.0.0.1:9092")
        return ",".join(addresses)

    @model_validator(mode="after")
    def _login_complete(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"security_protocol {self.security_protocol} needs sasl_username and sasl_password")
        if self.ssl_keyfile and not self.ssl_certfile:
            raise ValueError("ssl_keyfile needs ssl_certfile")
        return self

    @property
    def encrypted(self) -> bool:
        """Whether connections use TLS."""
        return self.security_protocol in {"SSL", "SASL_SSL"}


def ssl_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """TLS context of the settings, None for plain connections; SettingsError names the file that cannot be used."""
    if not kafka.encrypted:
        return None
    password = kafka.ssl_key_password.get_secret_value() if kafka.ssl_key_password else None
    try:
        context = ssl.create_default_context(cafile=kafka.ssl_cafile)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"kafka.ssl_cafile: cannot use {kafka.ssl_cafile}: {error}") from error
    if kafka.ssl_certfile:
        try:
            # Never None: OpenSSL would ask for the password on the terminal, and a service has none.
            context.load_cert_chain(kafka.ssl_certfile, kafka.ssl_keyfile, password or "")
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"kafka.ssl_certfile: cannot use {kafka.ssl_certfile} with ssl_keyfile and ssl_key_password: {error}"
            ) from error
    return context


def connection(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for every aiokafka client: consumer, producer, admin."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers.split(","),
        "security_protocol": kafka.security_protocol,
    }
    context = ssl_context(kafka)
    if context:
        arguments["ssl_context"] = context
    if kafka.security_protocol.startswith("SASL"):
        assert kafka.sasl_password is not None  # noqa: S101 - validated with the settings
        arguments["sasl_mechanism"] = kafka.sasl_mechanism
        arguments["sasl_plain_username"] = kafka.sasl_username
        arguments["sasl_plain_password"] = kafka.sasl_password.get_secret_value()
    return arguments
