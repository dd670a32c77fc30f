"""The partitions of the topics that are read, and whether they are still the same."""

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamvq_client.errors import ReadAgainError, TopicMissingError
from streamvq_client.partitioner import partition_of

# A topic that was created a moment ago is not known to every broker yet.
LOOKS, PAUSE_S = 5, 0.2


class Partitions:
    """Counts of partitions as of the start.

    Args:
        counts: topic -> partitions.
        missing_s: how long a topic may be away, as it is while leaders change.
    """

    def __init__(self, counts: dict[str, int], missing_s: float) -> None:
        self.counts = counts
        self._missing_s = missing_s
        self._missing_since: float | None = None

    @classmethod
    async def find(cls, consumer: AIOKafkaConsumer, topics: Sequence[str], missing_s: float) -> Self:
        """Ask Kafka; TopicMissingError names the topics that do not exist."""
        missing = set(topics)
        for look in range(LOOKS):
            missing -= await consumer.topics()
            if not missing:
                break
            if look == LOOKS - 1:
                names = ", ".join(sorted(missing))
                raise TopicMissingError(f"no topic {names}: wrong prefix, or nothing has been set up yet")
            await asyncio.sleep(PAUSE_S)
        # Asking for an offset is what makes aiokafka fetch the metadata of a topic that it is not assigned to.
        await consumer.beginning_offsets([TopicPartition(topic, 0) for topic in topics])
        return cls({topic: len(consumer.partitions_for_topic(topic) or ()) for topic in topics}, missing_s)

    def places(self, keys: Collection[bytes] | None = None) -> list[TopicPartition]:
        """Every partition, or only those where these keys live."""
        return [
            TopicPartition(topic, number)
            for topic, count in self.counts.items()
            for number in (range(count) if keys is None else sorted({partition_of(key, count) for key in keys}))
        ]

    def at_home(self, place: TopicPartition, records: Sequence[Any]) -> list[Any]:
        """Those of a partition's records whose key lives there; one without a key is for whoever decodes it."""
        count = self.counts[place.topic]
        return [one for one in records if one.key is None or partition_of(one.key, count) == place.partition]

    def check(self, consumer: AIOKafkaConsumer) -> None:
        """Compare with what Kafka says now; ReadAgainError for another count, TopicMissingError for a deleted topic."""
        missing = []
        for topic, count in self.counts.items():
            present = len(consumer.partitions_for_topic(topic) or ())
            if not present:
                missing.append(topic)
            elif present != count:
                raise ReadAgainError(f"{topic} has {present} partitions now, {count} when it was opened")
        self._missing_since = (self._missing_since or time.monotonic()) if missing else None
        if self._missing_since is not None and time.monotonic() - self._missing_since > self._missing_s:
            raise TopicMissingError(f"no topic {', '.join(missing)} any more: it was deleted")
