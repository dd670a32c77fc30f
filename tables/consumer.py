"""Faust's Kafka consumer as our sources need it: committed records only, and many of them in one Faust message.

Faust offers read-committed only with an exactly-once mode of its own, and it takes several turns of the event loop for
every message. Under load those turns are slow, for a step is under way in each of them. So the records of one fetch
and partition travel through Faust as one message, and the agent takes them apart again.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import ConsumerMessage

from tables.position import Delivered, Message

MAX_RECORDS = 1024
# One fetch is under way a broker. A partition whose records were still being taken when it was sent is not part of it,
# and waits until it returns: Faust's 1.5 s was that long a delay for busy partitions beside idle ones.
FETCH_WAIT_MS = 50


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust carries no types
    """Thread of the group's consumer."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Both are read when the consumer starts, and Faust has no settings for them.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001
        return consumer

    async def seek_to_committed(self) -> Mapping[Any, int | None]:
        """Let all partitions go on behind what was committed, or at their beginnings."""
        return await self.call_thread(seek_to_committed, self._ensure_consumer())  # type: ignore[no-any-return]

    async def leave_group(self) -> None:
        """What Faust does last when it stops, after all that others need not wait for."""
        if self._consumer is not None:
            await self.call_thread(leave, self._consumer)


async def seek_to_committed(consumer: Any) -> Mapping[Any, int | None]:
    """Seek all partitions to their committed offsets; to their beginnings, where nothing is committed behind them.

    aiokafka leaves those where they are. What Faust had fetched and dropped, as it does around a rebalance, never came.
    """
    offsets: Mapping[Any, int | None] = await consumer.seek_to_committed()
    if unread := [partition for partition, offset in offsets.items() if not offset]:
        await consumer.seek_to_beginning(*unread)
    return offsets


async def leave(consumer: Any) -> None:
    """Leave the group in order, also with a name: who stops is not expected back. To fetch on does no harm.

    A member that has a name and merely stops (aiokafka's way) is waited for until its session ends.
    """
    coordinator = consumer._coordinator  # noqa: SLF001
    coordinator._group_instance_id = None  # noqa: SLF001
    await coordinator.close()


class Scheduler(DefaultSchedulingStrategy):  # type: ignore[misc]  # Faust carries no types
    """Order in which fetched records are handed on: those of `batched` topics in lists, others one by one."""

    def __init__(self, batched: AbstractSet[str]) -> None:
        self._batched = batched

    def iterate(self, records: Mapping[Any, list[Any]]) -> Iterator[tuple[Any, Any]]:
        """(partition, list of records) or (partition, record) pairs."""
        single = {}
        for tp, fetched in records.items():
            if tp.topic not in self._batched:
                single[tp] = fetched
                continue
            for start in range(0, len(fetched), MAX_RECORDS):
                yield tp, fetched[start : start + MAX_RECORDS]
        yield from super().iterate(single)


class Consumer(driver.Consumer):  # type: ignore[misc]  # Faust carries no types
    """Consumer whose thread reads committed, and which knows lists of records."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.scheduler = Scheduler(self.app.batched)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def leave_group(self) -> None:
        """Let others have the partitions now; for good."""
        await self._thread.leave_group()

    def _to_message(self, tp: Any, record: Any) -> Any:
        if not isinstance(record, list):
            return super()._to_message(tp, record)
        first = record[0]
        generation = self.app.consumer_generation_id
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            first.offset,
            first.timestamp / 1000,
            first.timestamp_type,
            (),
            None,
            record,
            None,
            tp=tp,
            generation_id=generation,
        )


class Transport(driver.Transport):  # type: ignore[misc]  # Faust carries no types
    """Transport of apps whose sources are written in transactions."""

    Consumer = Consumer


def delivered(event: Any) -> list[Delivered]:
    """The records in one Faust event of a batched source."""
    generation = event.message.generation_id
    return [
        Delivered(Message(r.topic, r.partition, r.offset, generation, r.timestamp / 1000, r.key, r.value, r.headers))
        for r in event.value
    ]
