"""How many exposures Kafka holds that nobody has learnt from yet."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.commit import Commit
from schemas.kafka import KafkaSettings, connection

EVERY_S: Final = 2.0
PATIENCE_S: Final = 10.0
AGAIN_S: Final = 15.0


class Backlog:
    """Asks Kafka now and then where the exposures end. Without an answer nothing is known, and nothing fails.

    Args:
        kafka: where Kafka is.
        topic: of the exposures.
        commit: of the version in force.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, commit: Callable[[], Commit | None]) -> None:
        self._kafka, self._topic, self._commit = kafka, topic, commit
        self.records: int | None = None
        """Records not learnt yet, each an exposure or an array of them; None while it is not known."""

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError, TimeoutError):
                self.records = None
                await asyncio.sleep(AGAIN_S)

    async def _follow(self) -> None:
        async with AsyncExitStack() as stack:
            consumer = AIOKafkaConsumer(**connection(self._kafka), isolation_level="read_committed")
            stack.push_async_callback(consumer.stop)
            async with asyncio.timeout(PATIENCE_S):
                await consumer.start()
            while True:
                async with asyncio.timeout(PATIENCE_S):
                    self.records = await self._count(consumer)
                await asyncio.sleep(EVERY_S)

    async def _count(self, consumer: AIOKafkaConsumer) -> int | None:
        commit = self._commit()
        if commit is None:
            return None
        # Asking for an offset is what makes aiokafka fetch the metadata of a topic that it is not assigned to.
        await consumer.end_offsets([TopicPartition(self._topic, 0)])
        numbers = consumer.partitions_for_topic(self._topic) or {0}
        places = [TopicPartition(self._topic, number) for number in sorted(numbers)]
        ends = await consumer.end_offsets(places)
        unread = [place for place in places if place.partition not in commit.offsets]
        begins = await consumer.beginning_offsets(unread) if unread else {}
        total = 0
        for place, end in ends.items():
            total += max(0, end - commit.offsets.get(place.partition, begins.get(place, end)))
        return total
