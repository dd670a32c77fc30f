"""Events on their way to Kafka: no more of them at a time than there is room for."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from streamvq_client.errors import ClientError
from streamvq_client.publisher import Headers, Publisher, Receipt, Stream

from schemas.kafka import connection
from schemas.publications import KeyedEvent
from schemas.settings import Settings
from serving.problems import ProblemError
from serving.publish_answers import kafka_away

LINGER_MS: Final = 2
FLUSH_S: Final = 2.0
STOP_S: Final = 3.0
"""Together less than a process has to end."""


class Outbox:
    """One publisher for all requests, and how much they may hand to it before Kafka has confirmed it.

    It connects with the first event, so that a server that nobody publishes through needs no right to write.

    Args:
        settings: where Kafka is, and the limits.
        headers: what records of the request under way carry beside their events.
    """

    def __init__(self, settings: Settings, headers: Callable[[], Headers] = tuple) -> None:
        self.headers = headers
        self._settings = settings
        self._limits = settings.publishing
        self.deadline_s = settings.publishing.deadline_ms / 1000
        self._publisher: Publisher | None = None
        self._bytes = self._events = 0
        self._sent: dict[int, float] = {}
        self._number = 0
        self._moved = asyncio.Event()

    def inflight(self) -> tuple[int, int]:
        """Bytes and events for which room is taken."""
        return self._bytes, self._events

    def check(self) -> None:
        """503 at once where Kafka has not confirmed for a while what it was given: more would only wait behind it."""
        oldest = next(iter(self._sent.values()), None)
        if oldest is not None and time.monotonic() - oldest > self.deadline_s:
            detail = (
                f"Kafka at {self._settings.kafka.bootstrap_servers} has confirmed nothing for {self.deadline_s:g} s."
            )
            raise kafka_away(detail)

    def take_room(self, events: list[KeyedEvent]) -> None:
        """Take room for these, all or none.

        Raises:
            ProblemError: there is none (429), or Kafka does not get on (503).
        """
        self.check()
        if not self._take(events):
            size, count = self._bytes, self._events
            detail = f"{count} events with {size} bytes wait for Kafka; this server lets no more wait."
            raise ProblemError(429, "too_much_in_flight", detail, "Publish more slowly, or in smaller requests.")

    async def wait_for_room(self, events: list[KeyedEvent]) -> None:
        """Take room for these once there is some.

        Raises:
            ProblemError: there was none in time, so Kafka does not get on.
        """
        try:
            async with asyncio.timeout(self.deadline_s):
                while not self._take(events):
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError as error:
            self.check()
            raise kafka_away(f"There was no room for more events within {self.deadline_s:g} s.") from error

    def give_back(self, events: list[KeyedEvent]) -> None:
        """Room that was taken, for events that were not sent after all."""
        self._bytes -= sum(map(_size, events))
        self._events -= len(events)
        self._moved.set()

    async def send(self, stream: Stream, event: KeyedEvent, headers: Headers = ()) -> Receipt:
        """Hand over an event that room was taken for; what is returned is done when Kafka has it.

        Raises:
            ClientError: it was not sent, and its room is still taken.
        """
        if self._publisher is None:
            kafka = self._settings.kafka
            self._publisher = Publisher(
                connection(kafka) | {"bootstrap_servers": kafka.bootstrap_servers},
                kafka.prefix,
                linger_ms=LINGER_MS,
                pending_bytes=2 * self._limits.inflight_bytes,  # it is us who bound them
                timeout_s=self.deadline_s,
            )
        receipt = await self._publisher.send(stream, event.key, event.value, headers)
        self._number += 1
        self._sent[self._number] = time.monotonic()
        receipt.add_done_callback(partial(self._confirmed, self._number, event))
        return receipt

    async def stop(self) -> None:
        """Disconnect; what Kafka has not confirmed within seconds is given up."""
        if self._publisher is None:
            return
        with suppress(ClientError):
            await self._publisher.flush(FLUSH_S)
        with suppress(ClientError, TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._publisher.stop()

    def _take(self, events: list[KeyedEvent]) -> bool:
        size, limits = sum(map(_size, events)), self._limits
        full = self._bytes + size > limits.inflight_bytes or self._events + len(events) > limits.inflight_events
        if full and self._events:  # what is larger than all room there is gets it when nothing else waits
            return False
        self._bytes += size
        self._events += len(events)
        return True

    def _confirmed(self, number: int, event: KeyedEvent, _: "asyncio.Future[Any]") -> None:
        self._sent.pop(number, None)
        self.give_back([event])


def _size(event: KeyedEvent) -> int:
    return len(event.key) + len(event.value or b"")
