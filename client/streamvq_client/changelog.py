"""Live reader of topics: everything that is in them now, then everything that is added."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from streamvq_client.errors import ReadAgainError, ReaderError, UnreachableError
from streamvq_client.partitions import Partitions
from streamvq_client.progress import Progress
from streamvq_client.record import Record

__all__ = ["ChangelogReader", "Record"]

# One fetch is under way a broker: a partition that was just drained waits until it returns, so it may not wait long.
FETCHING = {"max_partition_fetch_bytes": 8 << 20, "fetch_max_wait_ms": 50, "metadata_max_age_ms": 30_000}


class _Answer(NamedTuple):
    """aiokafka's wall-clock stamp of an answer, and when we saw that it was a new one, by a clock nobody sets."""

    stamp: int | None
    seen: float


@dataclass(frozen=True, slots=True)
class _Opened:
    consumer: AIOKafkaConsumer
    partitions: Partitions
    places: list[TopicPartition]
    progress: Progress
    answers: dict[TopicPartition, _Answer]

    def hear(self) -> None:
        """Note for which partitions Kafka has answered."""
        now = time.monotonic()
        for place in self.places:
            stamp = self.consumer.last_poll_timestamp(place)
            if place not in self.answers or stamp != self.answers[place].stamp:
                self.answers[place] = _Answer(stamp, now)


class ChangelogReader:
    """Reads topics without a consumer group, committed records only.

    The records of a key come in order and the last one counts; older ones may or may not be seen. `ready` turns true
    when all that the topics held at the start has been returned, however little compaction left of it.

    Args:
        connection: aiokafka's arguments: `bootstrap_servers`, and whatever the login needs.
        topics: what to read.
        offsets: (topic, partition) -> where to go on, from `positions` of an earlier reader; others from the beginning.
        keys: read only the partitions where these keys live.
        timeout_s: how long Kafka may take to answer at the start and at the end, and a topic may be away meanwhile.

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
        self._open: _Opened | None = None

    async def start(self) -> None:
        """Connect, and note where every topic ends now."""
        self._consumer = consumer = AIOKafkaConsumer(
            **(FETCHING | self._connection), isolation_level="read_committed", auto_offset_reset="none"
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.stop)
            try:
                async with asyncio.timeout(self._timeout_s):
                    await consumer.start()
                    self._open = await self._assign(consumer)
            except (KafkaError, TimeoutError) as error:
                where = self._connection.get("bootstrap_servers", "localhost:9092")
                reason = str(error) or f"nothing within {self._timeout_s:g} s"
                raise UnreachableError(f"Kafka at {where} did not answer: {reason}") from error
            stack.pop_all()

    async def stop(self) -> None:
        """Disconnect; more than once does no harm. `positions` stay known."""
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
        """The next records, in order within each partition; none if none came in time.

        Raises:
            ReadAgainError: a topic was truncated, created anew or given other partitions.
            ReaderError: Kafka refused to be read.
        """
        opened = self._opened
        try:
            batches = await opened.consumer.getmany(timeout_ms=timeout_ms, max_records=max_records)
        except OffsetOutOfRangeError as error:
            raise ReadAgainError(f"{error.args[0]} is not there any more: truncated or created anew") from error
        except KafkaError as error:
            raise ReaderError(f"cannot read {', '.join(self._topics)}: {error!r}") from error
        opened.partitions.check(opened.consumer)
        opened.hear()
        opened.progress.move({place: await opened.consumer.position(place) for place in opened.places})
        return [
            Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
            for batch in batches.values()
            for r in batch
        ]

    @property
    def ready(self) -> bool:
        """Whether everything that was there at the start has been returned; stays true."""
        return self._open is not None and self._open.progress.ready

    @property
    def positions(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> offset of the next record: `offsets` for a reader that goes on from here."""
        return {(topic, number): offset for (topic, number), offset in self._opened.progress.positions.items()}

    def waiting_for(self) -> dict[str, int]:
        """Topic -> offsets still missing until `ready`; empty when ready."""
        return self._opened.progress.waiting_for()

    def lag(self) -> dict[str, int]:
        """Topic -> committed offsets not returned yet, as of Kafka's last answer."""
        opened = self._opened
        return opened.progress.lag({place: opened.consumer.last_stable_offset(place) for place in opened.places})

    def silent_s(self) -> float:
        """Seconds since Kafka last answered for every partition: large when a broker is away, while this is polled."""
        now = time.monotonic()
        return now - min((answer.seen for answer in self._opened.answers.values()), default=now)

    async def _assign(self, consumer: AIOKafkaConsumer) -> _Opened:
        partitions = await Partitions.find(consumer, self._topics, self._timeout_s)
        strange = self._offsets.keys() - set(partitions.places())
        if strange:
            raise ReadAgainError(f"there is no partition {min(strange)}: another topic, or created anew")
        places = partitions.places(self._keys)
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        positions = {place: self._start_of(place, begins[place], ends[place]) for place in places}
        consumer.assign(places)
        for place, offset in positions.items():
            consumer.seek(place, offset)
        opened = _Opened(consumer, partitions, places, Progress(positions, ends), {})
        opened.hear()
        return opened

    def _start_of(self, place: TopicPartition, begin: int, end: int) -> int:
        offset = self._offsets.get(place, begin)
        if not begin <= offset <= end:
            there = f"{place.topic}[{place.partition}] holds {begin}..{end}"
            raise ReadAgainError(f"{there}, not {offset}: truncated or created anew")
        return offset

    @property
    def _opened(self) -> _Opened:
        if self._open is None:
            raise ReaderError("the reader is not started: use `async with ChangelogReader(...)`")
        return self._open
