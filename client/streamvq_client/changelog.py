"""Live reader of topics: everything that is in them now, then everything that is added."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from streamvq_client.errors import ReadAgainError, ReaderError, TopicMissingError, UnreachableError
from streamvq_client.partitioner import partition_of

# One fetch is under way a broker: a partition that was just drained waits until it returns, so it may not wait long.
FETCHING = {"max_partition_fetch_bytes": 8 << 20, "fetch_max_wait_ms": 50, "metadata_max_age_ms": 30_000}


class Record(msgspec.Struct, frozen=True, gc=False):
    """One committed record; a value of None deletes its key. Timestamp in ms since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class ChangelogReader:
    """Reads topics without a consumer group, committed records only.

    The records of a key come in order and the last one counts; older ones may or may not be seen. `ready` turns true
    when all that the topics held at the start has been returned, however little compaction left of it.

    Args:
        connection: aiokafka's arguments: `bootstrap_servers`, and whatever the login needs.
        topics: what to read.
        offsets: (topic, partition) -> where to go on, from `positions` of an earlier reader; others from the beginning.
        keys: read only the partitions where these keys live.
        timeout_s: how long Kafka may take to answer at the start.

    Raises:
        UnreachableError: at the start, Kafka did not answer.
        TopicMissingError: a topic does not exist.
        ReadAgainError: what was read before is no longer the whole truth.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        topics: Sequence[str],
        *,
        offsets: Mapping[tuple[str, int], int] | None = None,
        keys: Collection[bytes] | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        self._connection = dict(connection)
        self._topics = list(topics)
        self._offsets = dict(offsets or {})
        self._keys = keys
        self._timeout_s = timeout_s
        self._consumer: AIOKafkaConsumer | None = None
        self._counts: dict[str, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._behind: set[TopicPartition] = set()
        self._missing_since: float | None = None

    async def start(self) -> None:
        """Connect, and note where every topic ends now."""
        self._consumer = AIOKafkaConsumer(
            **(FETCHING | self._connection), isolation_level="read_committed", auto_offset_reset="none"
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.stop)
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._consumer.start()
                    await self._find_partitions(self._consumer)
            except (KafkaError, TimeoutError) as error:
                where = self._connection.get("bootstrap_servers", "localhost:9092")
                raise UnreachableError(f"Kafka at {where} did not answer: {error or 'timeout'}") from error
            stack.pop_all()

    async def stop(self) -> None:
        """Disconnect; to be called once for every start, more often does no harm."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            # A broker that is gone must not keep the program from ending.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timeout_s):
                    await consumer.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        """Lists of records as they arrive, for ever."""
        while True:
            records = await self.poll()
            if records:
                yield records

    async def poll(self, max_records: int = 10_000, timeout_ms: int = 1000) -> list[Record]:
        """The next records, in order within each partition; none if none came in time."""
        consumer = self._started()
        try:
            batches = await consumer.getmany(timeout_ms=timeout_ms, max_records=max_records)
        except OffsetOutOfRangeError as error:
            raise ReadAgainError(
                f"{error.args[0]} is no longer there: the topic was truncated or created anew"
            ) from error
        except KafkaError as error:
            raise ReaderError(f"cannot read {', '.join(self._topics)}: {error!r}") from error
        self._check_counts(consumer)
        for tp in self._positions:
            self._positions[tp] = await consumer.position(tp)
        self._behind = {tp for tp in self._behind if self._positions[tp] < self._ends[tp]}
        return [
            Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
            for batch in batches.values()
            for r in batch
        ]

    @property
    def ready(self) -> bool:
        """Whether everything that was there at the start has been returned; stays true."""
        return bool(self._positions) and not self._behind

    @property
    def positions(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> offset of the next record: `offsets` for a reader that goes on from here."""
        return {(tp.topic, tp.partition): offset for tp, offset in self._positions.items()}

    def waiting_for(self) -> dict[str, int]:
        """Topic -> offsets still missing until `ready`; empty when ready."""
        waiting: dict[str, int] = {}
        for tp in self._behind:
            waiting[tp.topic] = waiting.get(tp.topic, 0) + self._ends[tp] - self._positions[tp]
        return waiting

    def lag(self) -> dict[str, int]:
        """Topic -> committed offsets not returned yet, as of Kafka's last answer."""
        consumer = self._started()
        lag = dict.fromkeys(self._topics, 0)
        for tp, position in self._positions.items():
            end = consumer.last_stable_offset(tp)
            lag[tp.topic] += max(0, (self._ends[tp] if end is None else end) - position)
        return lag

    def silent_s(self) -> float:
        """Seconds since Kafka last answered for every partition: large when a broker is away, while this is polled."""
        consumer = self._started()
        answers = [consumer.last_poll_timestamp(tp) or 0 for tp in self._positions]
        return time.time() - min(answers) / 1000

    async def _find_partitions(self, consumer: AIOKafkaConsumer) -> None:
        missing = sorted(set(self._topics) - await consumer.topics())
        if missing:
            raise TopicMissingError(f"no topic {', '.join(missing)}: wrong prefix, or nothing has been set up yet")
        # Asking for an offset is what makes aiokafka fetch the metadata of a topic that it is not assigned to.
        await consumer.beginning_offsets([TopicPartition(topic, 0) for topic in self._topics])
        self._counts = {topic: len(consumer.partitions_for_topic(topic) or ()) for topic in self._topics}
        tps = [TopicPartition(topic, number) for topic in self._topics for number in self._chosen(self._counts[topic])]
        begins, self._ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        self._positions = {tp: self._start_of(tp, begins[tp]) for tp in tps}
        self._behind = {tp for tp in tps if self._positions[tp] < self._ends[tp]}
        consumer.assign(tps)
        for tp, offset in self._positions.items():
            consumer.seek(tp, offset)

    def _chosen(self, partitions: int) -> Collection[int]:
        return range(partitions) if self._keys is None else {partition_of(key, partitions) for key in self._keys}

    def _start_of(self, tp: TopicPartition, begin: int) -> int:
        offset = self._offsets.get((tp.topic, tp.partition), begin)
        if not begin <= offset <= self._ends[tp]:
            there = f"{begin}..{self._ends[tp]}"
            raise ReadAgainError(f"{tp.topic}[{tp.partition}] holds {there}, not {offset}: truncated or created anew")
        return offset

    def _check_counts(self, consumer: AIOKafkaConsumer) -> None:
        missing = []
        for topic, count in self._counts.items():
            present = len(consumer.partitions_for_topic(topic) or ())
            if not present:
                missing.append(topic)
            elif present != count:
                raise ReadAgainError(f"{topic} has {present} partitions now, {count} when it was opened")
        # A topic is missing for a moment while its leader changes.
        self._missing_since = (self._missing_since or time.monotonic()) if missing else None
        if self._missing_since is not None and time.monotonic() - self._missing_since > self._timeout_s:
            raise TopicMissingError(f"no topic {', '.join(missing)} any more: it was deleted")

    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise ReaderError("the reader is not started: use `async with ChangelogReader(...)`")
        return self._consumer
