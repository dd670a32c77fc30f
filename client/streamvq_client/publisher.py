"""Publishes exposures and candidates to Kafka, each once and in order, acknowledged when Kafka has it."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, Self, TypeAlias

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, ProducerClosed

from streamvq_client.errors import ClientError, EventError, PublishError, UnreachableError
from streamvq_client.events import Candidate, Exposure, encode_candidate, encode_exposure, id_of
from streamvq_client.producing import RECORD_BYTES, Producing

Stream = Literal["exposures", "candidates"]
Headers = Sequence[tuple[str, bytes]]


class Acknowledged(NamedTuple):
    """Where Kafka keeps a record."""

    topic: str
    partition: int
    offset: int


Receipt: TypeAlias = "asyncio.Future[Acknowledged]"


class Publisher:
    """Sends events in batches, from one event loop. Its methods wait for room, not for Kafka's acknowledgement.

    That is what they return, as a future: await it, or await `flush`, which waits for all of them. A record goes to the
    home partition of its id. It is sent again until Kafka has it, and Kafka keeps it once. What was not acknowledged in
    time may still arrive.

        async with Publisher("127.0.0.1:9092", "svq") as publisher:
            await publisher.expose(Exposure(user_id="u1", item_id="i1", timestamp=now, labels={"click": 1}))

    Args:
        connection: address, or aiokafka's arguments: `bootstrap_servers`, and whatever the login needs.
        prefix: of the retriever's topics.
        linger_ms: how long a batch waits for more records.
        batch_bytes: a batch of this size waits no longer.
        pending_bytes: how much may wait for Kafka; beyond that methods wait for room.
        timeout_s: how long to wait for Kafka: at the start, for room, and in `flush`.

    Raises:
        UnreachableError: Kafka did not answer, or acknowledged too little, in time.
        TopicMissingError: at the start, the topics do not exist.
    """

    def __init__(
        self,
        connection: str | Mapping[str, Any],
        prefix: str = "svq",
        *,
        linger_ms: int = 5,
        batch_bytes: int = 64 * 1024,
        pending_bytes: int = 32 << 20,
        timeout_s: float = 30.0,
    ) -> None:
        self._topics: dict[Stream, str] = {"exposures": f"{prefix}-exposures", "candidates": f"{prefix}-candidates"}
        self._producing = Producing(
            connection, list(self._topics.values()), timeout_s, linger_ms=linger_ms, max_batch_size=batch_bytes
        )
        self._timeout_s = timeout_s
        self._most = pending_bytes
        self._pending = 0
        self._sent: set[asyncio.Future[Any]] = set()
        self._moved = asyncio.Event()
        self._failed: ClientError | None = None

    async def start(self) -> None:
        """Connect."""
        await self._producing.producer()

    async def stop(self) -> None:
        """Wait for what is under way, as `flush` does, and disconnect whatever comes of it."""
        try:
            await self.flush()
        finally:
            await self._producing.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        try:
            await self.stop()
        except ClientError:
            if kind is None:  # otherwise what went wrong first says more
                raise

    @property
    def pending_bytes(self) -> int:
        """What Kafka has not acknowledged yet."""
        return self._pending

    async def expose(self, event: Exposure) -> Receipt:
        """An item was shown, with this outcome.

        Raises:
            EventError: no worker would take it.
        """
        return await self.send("exposures", *encode_exposure(event))

    async def put(self, item: Candidate) -> Receipt:
        """An item may be shown from now on, or is described anew.

        Raises:
            EventError: no worker would take it.
        """
        return await self.send("candidates", *encode_candidate(item))

    async def delete(self, item_id: str | int) -> Receipt:
        """An item may no longer be shown; nothing but `put` brings it back."""
        return await self.send("candidates", id_of(item_id, "item_id").encode(), None)

    async def send(self, stream: Stream, key: bytes, value: bytes | None, headers: Headers = ()) -> Receipt:
        """A record as it is, whose JSON was checked elsewhere; without a value, the key's deletion.

        Raises:
            EventError: it is too large for a record.
            UnreachableError: there was no room in time.
            PublishError: Kafka lets nobody write to the topic, or not you.
        """
        size = len(key) + len(value or b"")
        producer = None
        try:
            async with asyncio.timeout(self._timeout_s):
                while self._pending and self._pending + size > self._most:
                    self._moved.clear()
                    await self._moved.wait()
                producer = await self._producing.producer()
                sent = await producer.send(self._topics[stream], value, key=key, headers=list(headers))
        except TimeoutError as error:
            raise self._late() from error
        except MessageSizeTooLargeError as error:
            raise EventError(
                f"a record of {size} bytes; {RECORD_BYTES} are allowed, key and headers included"
            ) from error
        except KafkaError as error:
            self._producing.spend(producer)
            raise _failure(self._topics[stream], error) from error
        return self._note(sent, producer, size)

    async def flush(self, timeout_s: float | None = None) -> None:
        """Return when Kafka has everything that was sent so far.

        Args:
            timeout_s: how long it may take; as long as the publisher's own without one.

        Raises:
            PublishError: it refused something since the last time.
            UnreachableError: it has not acknowledged everything in time.
        """
        left = set(self._sent)
        if left:
            _, left = await asyncio.wait(left, timeout=self._timeout_s if timeout_s is None else timeout_s)
            await asyncio.sleep(0)  # lets the last of them be counted
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed
        if left:
            raise self._late()

    def _note(self, sent: "asyncio.Future[Any]", producer: Any, size: int) -> Receipt:
        receipt: Receipt = asyncio.get_running_loop().create_future()
        self._sent.add(sent)
        self._pending += size
        sent.add_done_callback(partial(self._settle, receipt, producer, size))
        return receipt

    def _settle(self, receipt: Receipt, producer: Any, size: int, sent: "asyncio.Future[Any]") -> None:
        self._sent.discard(sent)
        self._pending -= size
        self._moved.set()
        error = sent.exception()
        if error is None:
            placed = sent.result()
            if not receipt.done():  # otherwise its owner has given up
                receipt.set_result(Acknowledged(placed.topic, placed.partition, placed.offset))
            return
        self._producing.spend(producer)
        self._failed = failed = _failure("a record", error)
        if not receipt.done():
            receipt.set_exception(failed)
            receipt.exception()  # who looks at no receipts learns of it from `flush`

    def _late(self) -> UnreachableError:
        waiting = f"{len(self._sent)} records with {self._pending} bytes wait"
        return UnreachableError(f"{self._producing.where} does not keep up or is away: {waiting}, and may still arrive")


def _failure(what: str, error: BaseException) -> ClientError:
    if isinstance(error, ProducerClosed):
        return UnreachableError(f"{what} was not acknowledged before the connection was given up; it may still arrive")
    return PublishError(f"Kafka refused {what}: {str(error) or type(error).__name__}")
