"""The shop's side of Kafka: publishes its events, and asks the group's coordinator how far the workers have come."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.load.backlog import Backlog
from infra.load.errors import StalledError
from schemas.kafka import KafkaSettings, connection
from schemas.topics import Topics

LINGER_MS = 5
LOOK_S = 0.05
SILENCE_S = 120.0


class Wire:
    """Producer and trainer's position, on one event loop. Use as `async with`.

    Args:
        kafka: the broker.
        topics: names.
        partitions: of the topic of exposures.
        backlog: told what was sent, acknowledged and committed.
        followed: whose backlog that is, the trainer's in lines of exposures or the indexers' in candidates.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: Topics,
        partitions: int,
        backlog: Backlog,
        followed: Literal["exposures", "candidates"] = "exposures",
    ) -> None:
        self.backlog = backlog
        self._topics = topics
        self._follows_exposures = followed == "exposures"
        self._group = topics.trainer_app if self._follows_exposures else topics.indexer_app
        source = topics.exposures if self._follows_exposures else topics.candidates
        self._partitions = [TopicPartition(source, number) for number in range(partitions)]
        self._connection: Mapping[str, Any] = connection(kafka)
        self._failure: BaseException | None = None
        self._moved = asyncio.Event()
        self._progress_at = 0.0

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            **self._connection, acks="all", enable_idempotence=True, linger_ms=LINGER_MS, max_batch_size=65_536
        )
        self._admin = AIOKafkaAdminClient(**self._connection)
        await self._producer.start()
        await self._admin.start()
        self._progress_at = asyncio.get_running_loop().time()
        self._watch = asyncio.create_task(self._watch_group(), name="position")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        await self._admin.close()
        await self._producer.stop()

    async def exposures(self, user_id: str, value: bytes, lines: int) -> None:
        """Publish one checkout; does not wait for the acknowledgement.

        Raises:
            StalledError: an earlier record was refused.
        """
        self._check()
        await self._send(self._topics.exposures, user_id, value, lines if self._follows_exposures else 0)

    async def candidate(self, item_id: str, value: bytes | None) -> None:
        """Publish one product; None deletes it."""
        self._check()
        await self._send(self._topics.candidates, item_id, value, 0 if self._follows_exposures else 1)

    async def _send(self, topic: str, key: str, value: bytes | None, counted: int) -> None:
        future = await self._producer.send(topic, value, key=key.encode())
        self.backlog.sent(counted)
        future.add_done_callback(lambda done: self._acknowledged(done, counted))

    async def flush(self) -> None:
        """Return when Kafka has everything published so far."""
        await self._producer.flush()
        self._check()

    async def until_room(self, lines: int) -> None:
        """Return when so many lines fit into the window, or nothing else is in it.

        Raises:
            StalledError: nothing was committed for two minutes.
        """
        await self._until(lambda: self.backlog.room >= lines or not self.backlog.lag)

    async def until_learned(self) -> None:
        """Return when everything has been committed; StalledError as above."""
        await self._until(lambda: not self.backlog.lag)

    async def _until(self, condition: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        while not condition():
            self._check()
            if loop.time() - self._progress_at > SILENCE_S:
                raise StalledError(f"{self._group} has committed nothing for {SILENCE_S:g} s: its log says why")
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), 1.0)
            except TimeoutError:
                continue

    def _check(self) -> None:
        if self._failure is not None:
            raise StalledError(f"Kafka refused a record: {self._failure}") from self._failure

    def _acknowledged(self, done: "asyncio.Future[Any]", lines: int) -> None:
        if done.cancelled():
            return
        if error := done.exception():
            self._failure = error
        elif lines:
            self.backlog.acknowledged(done.result().partition, done.result().offset, lines)
        self._moved.set()

    async def _watch_group(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = self.backlog.done
            try:
                found = await self._admin.list_consumer_group_offsets(self._group, partitions=self._partitions)
                self.backlog.committed({source.partition: entry.offset for source, entry in found.items()})
            except (KafkaError, TimeoutError) as error:
                if isinstance(error, KafkaError) and not error.retriable:
                    self._failure = error
            if self.backlog.done != before or not self.backlog.lag:
                self._progress_at = loop.time()
                self._moved.set()
            await asyncio.sleep(LOOK_S)
