"""Publishes the stream at a steady rate, whatever happens to Kafka, and keeps the ledger."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from infra.chaos.events import Events, Sent
from infra.chaos.ledger import Ledger
from schemas.topics import Topics

TICK_S = 0.05
CANDIDATES_A_TICK = 3
TRANSACTIONS, ABORTED = 0.25, 0.2
MOST_ON_THEIR_WAY = 200
ANSWER_S = 60.0
CATCH_UP = 2.0  # times the rate, behind an outage of the broker

log = structlog.get_logger(__name__)


class Load:
    """One publisher with two producers: a quarter of the ticks is a transaction, a fifth of these are aborted.

    Args:
        connection: aiokafka's arguments.
        topics: names.
        events: what is published.
        rate: exposures a second.
    """

    def __init__(self, connection: Mapping[str, Any], topics: Topics, events: Events, rate: float) -> None:
        self.ledger = Ledger()
        self._connection, self._topics, self._events, self._rate = connection, topics, events, rate
        self._rng = random.Random(events.seed)  # noqa: S311 - a seed is the point
        self._published = 0
        self._stopping, self._broken = False, True
        self._on_their_way = asyncio.Semaphore(MOST_ON_THEIR_WAY)
        self._answers: set[asyncio.Task[None]] = set()
        self._plain: AIOKafkaProducer | None = None
        self._transactional: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        await self._mended()
        return self

    async def __aexit__(self, *_: object) -> None:
        for answer in self._answers:
            answer.cancel()
        await asyncio.gather(*self._answers, return_exceptions=True)
        await self._close()

    async def catalogue(self) -> None:
        """Publish every item once."""
        await self._plainly(self._events.catalogue(_now_ms()))
        await self.flush()

    async def run(self) -> None:
        """Publish until `stop`; what is on its way then is answered by `flush`."""
        begun = last = time.monotonic()
        while not self._stopping:
            now = time.monotonic()
            at_most = CATCH_UP * self._rate * min(now - last, 1.0)
            due = min(self._rate * (now - begun) - self._published, max(at_most, self._rate * TICK_S))
            last = now
            records = self._tick(due)
            if self._rng.random() < TRANSACTIONS:
                await self._in_transaction(records)
            elif await self._mended():
                await self._plainly(records)
            await asyncio.sleep(max(0.0, now + TICK_S - time.monotonic()))

    def stop(self) -> None:
        """Let `run` return after what it is about."""
        self._stopping = True

    async def flush(self) -> None:
        """Return when everything published has been answered, one way or the other."""
        while self._answers:
            await asyncio.wait(self._answers)

    def _tick(self, due: float) -> list[Sent]:
        now_ms, records, events = _now_ms(), [], 0
        while events < due:
            sent = self._events.exposures(now_ms)
            records.append(sent)
            events += sent.events
        self._published += events
        return records + [self._events.candidate(now_ms) for _ in range(CANDIDATES_A_TICK)]

    async def _plainly(self, records: Sequence[Sent]) -> None:
        for sent in records:
            await self._on_their_way.acquire()
            answer = asyncio.create_task(self._one(sent))
            self._answers.add(answer)
            answer.add_done_callback(self._answered)

    async def _one(self, sent: Sent) -> None:
        assert self._plain is not None, "use the load as `async with`"  # noqa: S101 - a programming error
        try:
            async with asyncio.timeout(ANSWER_S):
                future = await self._plain.send(sent.topic, sent.value, key=sent.key, partition=sent.partition)
                self._note(sent, (await future).offset)
        except (KafkaError, TimeoutError) as error:
            log.warning("load.doubt", topic=sent.topic, error=repr(error))
            self.ledger.doubt([sent])
            self._broken = True

    async def _mended(self) -> bool:
        """Whether there is a producer that works: one that gave a record up may refuse all later ones."""
        if self._broken:
            await _gently(self._plain.stop() if self._plain else None)
            self._plain = self._producer(enable_idempotence=True)
            try:
                await self._plain.start()
            except KafkaError:
                return False  # no broker is there; the next tick tries again
            self._broken = False
        return True

    def _answered(self, answer: asyncio.Task[None]) -> None:
        self._answers.discard(answer)
        self._on_their_way.release()

    async def _in_transaction(self, records: Sequence[Sent]) -> None:
        """All or nothing. What is left of a transaction that failed is settled by opening the producer anew."""
        aborting = self._rng.random() < ABORTED
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._transact(records, aborting=aborting)
        except (KafkaError, TimeoutError) as error:
            log.warning("load.transaction", error=repr(error))
            self.ledger.doubt(records)
            await _gently(self._transactional.stop() if self._transactional else None)
            self._transactional = None

    async def _transact(self, records: Sequence[Sent], *, aborting: bool) -> None:
        if self._transactional is None:
            self._transactional = self._producer(transactional_id=f"{self._topics.prefix}-chaos-load")
            await self._transactional.start()
        producer = self._transactional
        await producer.begin_transaction()
        futures = [await producer.send(s.topic, s.value, key=s.key, partition=s.partition) for s in records]
        if aborting:
            await producer.abort_transaction()
            self.ledger.aborted += len(records)
            return
        offsets = [(await future).offset for future in futures]
        await producer.commit_transaction()
        for sent, offset in zip(records, offsets, strict=True):
            self._note(sent, offset)

    def _note(self, sent: Sent, offset: int) -> None:
        self.ledger.acknowledge(sent, offset, exposures=sent.topic == self._topics.exposures)

    async def _close(self) -> None:
        for producer in (self._plain, self._transactional):
            await _gently(producer.stop() if producer else None)

    def _producer(self, **settings: Any) -> AIOKafkaProducer:
        return AIOKafkaProducer(**self._connection, acks="all", linger_ms=5, max_batch_size=262_144, **settings)


async def _gently(work: Awaitable[None] | None) -> None:
    """Wait for it, but not for ever: a broker that is away must not keep us."""
    if work is not None:
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(5.0):
                await work


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
