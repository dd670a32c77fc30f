"""The events of one request, from their bytes to Kafka's confirmation."""

import asyncio
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from streamvq_client.errors import ClientError
from streamvq_client.errors import EventError as UnfitError
from streamvq_client.publisher import Stream

from schemas.http_publish import MOST_ERRORS, UNACKNOWLEDGED, EventProblem, Published
from schemas.publications import Check, KeyedEvent
from schemas.rejection import EventError, Reason
from serving.outbox import Outbox
from serving.stream_time import now_ms

PIECE: Final = 128
"""Events checked or sent in one go, about 2 ms; queries run between them."""

Numbered = tuple[int, KeyedEvent]


class Publication:
    """What has become of the events of a request so far.

    Args:
        outbox: the way to Kafka.
        stream: where the events belong.
        check: makes records of them.
    """

    def __init__(self, outbox: Outbox, stream: Stream, check: Check) -> None:
        self._outbox = outbox
        self._stream: Stream = stream
        self._check = check
        self._checked = self._reached = 0  # events that were looked at, and handed over or refused, from the first on
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._failed: dict[int, str] = {}
        self._rejected = self._acknowledged = 0
        self._errors: list[EventProblem] = []
        self._settled = asyncio.Event()

    @property
    def failing(self) -> bool:
        """Whether Kafka did not take an event: more would fare no better now."""
        return bool(self._failed)

    async def put(self, values: Sequence[bytes], first: int = 0, *, patient: bool = False) -> None:
        """Check events and hand them over: those that are not on their way yet, when it is the same ones again.

        Args:
            values: an event each.
            first: number of the first one.
            patient: wait for room instead of giving up at once.

        Raises:
            ProblemError: none of them was handed over: there is no room, or Kafka does not get on.
        """
        numbered = await self._check_all(values, first)
        if numbered:
            events = [event for _, event in numbered]
            if patient:
                await self._outbox.wait_for_room(events)
            else:
                self._outbox.take_room(events)
            for index, _ in numbered:
                self._failed.pop(index, None)
            await self._send(numbered)
        self._reached = max(self._reached, first + len(values))

    async def settle(self) -> Published:
        """What became of them, once Kafka has confirmed all that was handed over, or its time is up."""
        try:
            async with asyncio.timeout(self._outbox.deadline_s):
                while self._pending:
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            pass
        late = "Kafka has not confirmed it in time"
        open_ = {**self._failed, **dict.fromkeys(self._pending, late)}
        room = MOST_ERRORS - len(self._errors)
        unsure = [EventProblem(index, UNACKNOWLEDGED, why) for index, why in islice(sorted(open_.items()), room)]
        errors = sorted(self._errors + unsure, key=lambda error: error.index)
        return Published(self._acknowledged, self._rejected, len(open_), errors)

    async def _check_all(self, values: Sequence[bytes], first: int) -> list[Numbered]:
        events: list[Numbered] = []
        now = now_ms()
        for index, value in enumerate(values, first):
            if index % PIECE == PIECE - 1:
                await asyncio.sleep(0)
            if index < self._reached and index not in self._failed:
                continue
            try:
                events.append((index, self._check(value, now)))
            except EventError as error:
                if index >= self._checked:
                    self._reject(index, error.reason, error.detail)
        self._checked = max(self._checked, first + len(values))
        return events

    async def _send(self, numbered: list[Numbered]) -> None:
        """Hand over events that room was taken for."""
        headers = self._outbox.headers()
        for place, (index, event) in enumerate(numbered):
            if place % PIECE == PIECE - 1:
                await asyncio.sleep(0)
            try:
                receipt = await self._outbox.send(self._stream, event, headers)
            except UnfitError as error:
                self._outbox.give_back([event])
                self._reject(index, Reason.TOO_LARGE, str(error))
            except BaseException as error:
                left = numbered[place:]
                self._outbox.give_back([event for _, event in left])
                self._failed |= dict.fromkeys((index for index, _ in left), str(error) or "it was not sent")
                if not isinstance(error, ClientError):
                    raise
                return
            else:
                self._pending[index] = receipt
                receipt.add_done_callback(partial(self._confirm, index))

    def _confirm(self, index: int, receipt: "asyncio.Future[Any]") -> None:
        del self._pending[index]
        error = receipt.exception()
        if error is None:
            self._acknowledged += 1
        else:
            self._failed[index] = str(error)
        if not self._pending:
            self._settled.set()

    def _reject(self, index: int, reason: Reason, detail: str) -> None:
        self._rejected += 1
        if len(self._errors) < MOST_ERRORS:
            self._errors.append(EventProblem(index, reason, detail))
