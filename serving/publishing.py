"""Takes the events of requests to Kafka, and says what became of them."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from fastapi import Response
from streamvq_client.publisher import Headers, Stream

from schemas.http_publish import Published
from schemas.publications import Check
from schemas.settings import Settings
from serving.bodies import BodyTooSlowError
from serving.idempotency import Ledger
from serving.lines import Lines
from serving.metrics import Metrics
from serving.outbox import Outbox
from serving.problems import ProblemError
from serving.publication import PIECE, Publication
from serving.publish_answers import answer, broken_off, kafka_away, too_slow


class Once(NamedTuple):
    """Under which name a request is remembered, so that it can be sent again.

    Attributes:
        caller: who sends it.
        key: its Idempotency-Key.
        fingerprint: what tells it from every other request.
    """

    caller: str
    key: str
    fingerprint: bytes


class Publishing:
    """One outbox, the requests that are remembered, and how many bodies of lines are read.

    Args:
        settings: where Kafka is, and the limits.
        metrics: where events are counted.
        headers: what records of the request under way carry beside their events.
    """

    def __init__(self, settings: Settings, metrics: Metrics, headers: Callable[[], Headers] = tuple) -> None:
        self.outbox = Outbox(settings, headers)
        self._ledger = Ledger(settings.publishing)
        self._metrics = metrics
        metrics.watch_outbox(self.outbox.inflight)
        self._most_streams = settings.publishing.streams
        self._streams = 0

    async def publish(self, stream: Stream, check: Check, values: Sequence[bytes], once: Once | None) -> Response:
        """Publish events that are all there.

        Raises:
            ProblemError: none was published, and trying again may help; or the key was used for others.
        """
        if once is None:
            publication = self._publication(stream, check)
            await publication.put(values)
            return self._counted(stream, await publication.settle())
        request, again = self._ledger.find(
            once.caller, once.key, once.fingerprint, lambda: self._publication(stream, check)
        )
        async with request.lock:
            await request.publication.put(values)
            published = await request.publication.settle()
        self._ledger.weigh(request, len(published.errors))
        response = answer(published) if again else self._counted(stream, published)
        if again:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    async def publish_lines(self, stream: Stream, check: Check, pieces: AsyncIterator[bytes]) -> Response:
        """Publish events as their lines come in, no faster than Kafka takes them.

        Raises:
            ProblemError: too many bodies are read already.
            ClientDisconnect: the body has no end; what was read is published.
        """
        if self._streams >= self._most_streams:
            detail = f"{self._streams} bodies of lines are being read; this server reads no more at a time."
            raise ProblemError(429, "too_many_streams", detail, "Wait until others are done, or send smaller requests.")
        self._streams += 1
        try:
            return await self._lines(stream, self._publication(stream, check), pieces)
        finally:
            self._streams -= 1

    async def _lines(self, stream: Stream, publication: Publication, pieces: AsyncIterator[bytes]) -> Response:
        lines, read = Lines(), 0
        try:
            async for piece in pieces:
                read = await self._put(publication, lines.feed(piece), read)
            read = await self._put(publication, lines.end(), read)
        except BodyTooSlowError:
            return too_slow(self._count(stream, await publication.settle()), read)
        except ProblemError as error:
            return broken_off(self._count(stream, await publication.settle()), read, error.problem.detail)
        return self._counted(stream, await publication.settle())

    async def _put(self, publication: Publication, values: Sequence[bytes], read: int) -> int:
        for start in range(0, len(values), PIECE):
            some = values[start : start + PIECE]
            await publication.put(some, read, patient=True)
            read += len(some)
            if publication.failing:
                raise kafka_away("Kafka does not take events.")
        return read

    def _publication(self, stream: Stream, check: Check) -> Publication:
        return Publication(self.outbox, stream, check)

    def _counted(self, stream: Stream, published: Published) -> Response:
        return answer(self._count(stream, published))

    def _count(self, stream: Stream, published: Published) -> Published:
        self._metrics.published(stream, published)
        return published
