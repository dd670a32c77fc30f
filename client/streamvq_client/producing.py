"""One idempotent producer of Kafka's, opened anew after a failure that it cannot get over."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

from streamvq_client.errors import TopicMissingError, UnreachableError
from streamvq_client.partitioner import partition_of
from streamvq_client.partitions import LOOKS, PAUSE_S

RECORD_BYTES: Final = (1 << 20) - 128
"""The topics take batches of 1 MiB, and a batch has a header."""
CLOSE_S: Final = 5.0
PARTITIONS_S: Final = 30
"""How soon a partition that was added is used."""


class Producing:
    """The present producer, for as long as it works.

    One record that Kafka refuses leaves a gap in the numbers by which it knows what it has already: it then refuses
    all that comes later from the same producer, so another one must take over.

    Args:
        connection: address, or aiokafka's arguments.
        topics: must exist.
        timeout_s: how long Kafka may take to answer.
        settings: aiokafka's arguments for a producer.
    """

    def __init__(
        self, connection: str | Mapping[str, Any], topics: Sequence[str], timeout_s: float, **settings: Any
    ) -> None:
        self._connection = {"bootstrap_servers": connection} if isinstance(connection, str) else dict(connection)
        self._topics = topics
        self._timeout_s = timeout_s
        self._settings = settings
        self._lock = asyncio.Lock()
        self._producer: Any = None
        self._spent: Any = None
        self._closing: set[asyncio.Task[None]] = set()

    async def producer(self) -> Any:
        """One that works, as far as is known.

        Raises:
            UnreachableError: Kafka does not answer.
            TopicMissingError: a topic does not exist.
        """
        if self._producer is None or self._producer is self._spent:
            async with self._lock:
                if self._producer is None or self._producer is self._spent:
                    self._retire()
                    self._producer = await self._open()
        return self._producer

    def spend(self, producer: Any) -> None:
        """This one was refused a record: the next one is asked for another producer."""
        self._spent = producer

    async def stop(self) -> None:
        """Disconnect, within a few seconds whatever Kafka does."""
        self._retire()
        if self._closing:
            await asyncio.wait(self._closing)

    def _retire(self) -> None:
        if self._producer is not None:
            task = asyncio.create_task(_close(self._producer), name="close producer")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            self._producer = None

    async def _open(self) -> Any:
        producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            partitioner=_home,
            max_request_size=RECORD_BYTES,
            metadata_max_age_ms=PARTITIONS_S * 1000,
            **self._settings,
            **self._connection,
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                await producer.start()
                await self._check_topics(producer.client)
                for topic in self._topics:  # known before the first record: without Kafka it can wait
                    await producer.partitions_for(topic)
        except (KafkaError, TimeoutError) as error:
            await _close(producer)
            reason = str(error) or f"nothing within {self._timeout_s:g} s"
            raise UnreachableError(f"{self.where} did not answer: {reason}") from error
        except BaseException:
            await _close(producer)
            raise
        return producer

    async def _check_topics(self, client: Any) -> None:
        missing = set(self._topics)
        for look in range(LOOKS):  # a topic that was created a moment ago is not known to every broker yet
            if look:
                await asyncio.sleep(PAUSE_S)
            missing -= (await client.fetch_all_metadata()).topics()
            if not missing:
                return
        names = ", ".join(sorted(missing))
        raise TopicMissingError(f"no topic {names}: wrong prefix, or nothing has been set up yet")

    @property
    def where(self) -> str:
        """What is connected to, in words."""
        return f"Kafka at {self._connection.get('bootstrap_servers', 'localhost:9092')}"


def _home(key: bytes | None, partitions: Sequence[int], _: Sequence[int]) -> int:
    return sorted(partitions)[partition_of(key or b"", len(partitions))]


async def _close(producer: Any) -> None:
    # It would wait for ever for what Kafka does not take.
    with suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await producer.stop()
            return
    # There is no public way to give up.
    sender = producer._sender.sender_task  # noqa: SLF001
    if sender is not None:
        sender.remove_done_callback(producer._sender._fail_all)  # noqa: SLF001 - fails itself without transactions
        sender.cancel()
    producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001
    await producer.client.close()
    if sender is not None:
        done, _ = await asyncio.wait([sender], timeout=CLOSE_S)
        for task in done:
            task.cancelled() or task.exception()  # what it says now interests nobody
