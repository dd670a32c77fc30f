"""Where a server is and how to talk to it: the part of a client that is the same for both."""

import ssl
from pathlib import Path
from typing import Any, Final, Self, TypedDict, Unpack

import httpx

from streamvq_client.answers import EventProblem, Published
from streamvq_client.calls import Call
from streamvq_client.errors import PublishError
from streamvq_client.exchange import Patience

DEFAULT: Final = "http://127.0.0.1:8080"
IDLE_S: Final = 60.0
"""Servers keep idle connections a little longer: it is us who close them."""


class Settings(TypedDict, total=False):
    """How to talk to a server; see `Endpoint`."""

    key: str | None
    deadline_s: float
    attempt_s: float
    attempts: int
    verify: bool | str | Path | ssl.SSLContext
    connections: int


class Endpoint:
    """Arguments for an httpx client, and how long to try.

    Args:
        url: of the server, or of what stands before several.
        key: API key, where the server asks for one.
        deadline_s: how long a call may take with all its attempts, 10 without one.
        attempt_s: how long one attempt may take, 6 without one: a server that publishes waits 5 for Kafka.
        attempts: at most, 4 without it.
        verify: False to trust any certificate, or the file of certificates to trust (PEM), or a TLS context.
        connections: at the same time at most, 100 without it.
    """

    def __init__(self, url: str = DEFAULT, **settings: Unpack[Settings]) -> None:
        parsed = httpx.URL(url)
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise ValueError(f"{url!r} is no address of a server: give one like {DEFAULT}")
        self.patience = Patience(
            settings.get("deadline_s", 10.0), settings.get("attempt_s", 6.0), settings.get("attempts", 4)
        )
        key, verify, most = settings.get("key"), settings.get("verify", True), settings.get("connections", 100)
        headers = {"user-agent": "streamvq-client", "content-type": "application/json"}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        trusted = ssl.create_default_context(cafile=verify) if isinstance(verify, str | Path) else verify
        limits = httpx.Limits(max_connections=most, max_keepalive_connections=most, keepalive_expiry=IDLE_S)
        self.arguments: dict[str, Any] = {"base_url": parsed, "headers": headers, "limits": limits, "verify": trusted}


class Publication:
    """The events of several requests, one after the other.

    with Publication() as publication:
        for call in calls:
            publication.add(call, ask(call))
    return publication.published()
    """

    def __init__(self) -> None:
        self._total = Published(0)
        self._before = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None and self._before:
            error.add_note(f"Of the events before, {self._total.acknowledged} are in Kafka: {self._before} were sent.")

    def add(self, call: Call[Published], part: Published) -> None:
        """The answer to a request."""
        total, errors = self._total, [
            EventProblem(self._before + error.index, error.code, error.detail) for error in part.errors
        ]  # fmt: skip
        self._before += call.events
        self._total = Published(
            total.acknowledged + part.acknowledged,
            total.rejected + part.rejected,
            total.unacknowledged + part.unacknowledged,
            total.errors + errors,
        )

    def published(self) -> Published:
        """All of it; PublishError where some events are not in Kafka."""
        total = self._total
        if total.rejected or total.unacknowledged:
            counts = f"{total.acknowledged} events are in Kafka, {total.rejected} rejected, {total.unacknowledged} open"
            first = "".join(f"; event {one.index}: {one.code}: {one.detail}" for one in total.errors[:1])
            raise PublishError(counts + first, total)
        return total
