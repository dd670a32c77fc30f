"""Live reader of topics: everything that is in them now, then everything that is added."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from streamvq_client.bookmark import Bookmark
from streamvq_client.errors import ReadAgainError, ReaderError, TruncatedError, UnreachableError
from streamvq_client.freshness import Freshness, steady_now
from streamvq_client.lives import Life, topic_lives
from streamvq_client.partitions import Partitions
from streamvq_client.progress import Progress
from streamvq_client.record import Record
from streamvq_client.tables import is_homed

__all__ = ["ChangelogReader", "Record"]

# One fetch is under way a broker: a partition that was just drained waits until it returns, so it may not wait long.
FETCHING = {"max_partition_fetch_bytes": 8 << 20, "fetch_max_wait_ms": 50, "metadata_max_age_ms": 30_000}
LIVES_S = 30.0


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
    lives: dict[str, Life]
    freshness: Freshness
    answers: dict[TopicPartition, _Answer]

    def hear(self) -> None:
        """Note for which partitions Kafka has answered."""
        now = steady_now()
        for place in self.places:
            stamp = self.consumer.last_poll_timestamp(place)
            if place not in self.answers or stamp != self.answers[place].stamp:
                self.answers[place] = _Answer(stamp, now)


class ChangelogReader:
    """Reads topics without a consumer group, committed records only.

    The records of a key come in order and the last one counts; older ones may or may not be seen. `ready` turns true
    when all that the topics held at the start has been returned, however little compaction left of it.

    Kafka forgets deletions after a while (`delete.retention.ms`). Half of that is how long a reader may be away from
    the end of a topic, be it paused, cut off or slow; then it raises rather than keep rows that nobody else has.

    Of a table whose topic was given more partitions, what is left at a row's former home is passed over: partitions
    come in any order, and the mark that the row is gone from there could otherwise come behind the row itself.

    Args:
        connection: aiokafka's arguments: `bootstrap_servers`, and whatever the login needs.
        topics: what to read.
        bookmark: where to go on, from `bookmark` of an earlier reader; other topics from the beginning.
        keys: read only the partitions where these keys live.
        shortened: those topics that are no tables: retention deletes their oldest records.
        timeout_s: how long Kafka may take to answer at the start and at the end, and a topic may be away meanwhile.

    Raises:
        UnreachableError: at the start, Kafka did not answer.
        TopicMissingError: a topic does not exist.
        ReadAgainError: what was read before is no longer the whole truth.
        TruncatedError: the beginning of a table is gone.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        topics: Sequence[str],
        *,
        bookmark: Bookmark | None = None,
        keys: Collection[bytes] | None = None,
        shortened: Collection[str] = (),
        timeout_s: float = 30.0,
    ) -> None:
        self._connection = dict(connection)
        self._topics = list(topics)
        self._bookmark = bookmark or Bookmark({}, {}, time.time())
        self._keys = keys
        self._shortened = frozenset(shortened)
        self._timeout_s = timeout_s
        self._consumer: AIOKafkaConsumer | None = None
        self._open: _Opened | None = None
        self._watching: asyncio.Task[None] | None = None

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
                    self._watching = asyncio.create_task(self._other_life(self._open.lives), name="topic ids")
            except (KafkaError, TimeoutError) as error:
                where = self._connection.get("bootstrap_servers", "localhost:9092")
                reason = str(error) or f"nothing within {self._timeout_s:g} s"
                raise UnreachableError(f"Kafka at {where} did not answer: {reason}") from error
            stack.pop_all()

    async def stop(self) -> None:
        """Disconnect; more than once does no harm. `positions` stay known."""
        consumer, self._consumer = self._consumer, None
        if self._watching is not None:
            self._watching.cancel()
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
            ReadAgainError: a topic was truncated, created anew or given other partitions, or this reader was away for
                too long.
            ReaderError: Kafka refused to be read.
        """
        opened = self._opened
        self._check(opened.freshness.slept(steady_now()))
        try:
            batches = await opened.consumer.getmany(timeout_ms=timeout_ms, max_records=max_records)
        except OffsetOutOfRangeError as error:
            raise ReadAgainError(f"{error.args[0]} is not there any more: truncated or created anew") from error
        except KafkaError as error:
            raise ReaderError(f"cannot read {', '.join(self._topics)}: {error!r}") from error
        opened.partitions.check(opened.consumer)
        opened.hear()
        opened.progress.move({place: await opened.consumer.position(place) for place in opened.places})
        self._check(opened.freshness.slept(steady_now()))
        self._check(opened.freshness.look(opened.progress.positions, self._answers(opened), steady_now()))
        return [
            Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
            for place, batch in batches.items()
            for r in (opened.partitions.at_home(place, batch) if is_homed(place.topic) else batch)
        ]

    @property
    def ready(self) -> bool:
        """Whether everything that was there at the start has been returned; stays true."""
        return self._open is not None and self._open.progress.ready

    @property
    def positions(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> offset of the next record."""
        return {(topic, number): offset for (topic, number), offset in self._opened.progress.positions.items()}

    def bookmark(self) -> Bookmark:
        """Where a later reader goes on, once all records returned so far are safe."""
        opened = self._opened
        offsets: dict[str, dict[int, int]] = {}
        for (topic, number), offset in self.positions.items():
            offsets.setdefault(topic, {})[number] = offset
        ids = {topic: life.id for topic, life in opened.lives.items()}
        return Bookmark(offsets, ids, time.time() - (steady_now() - opened.freshness.at))

    def waiting_for(self) -> dict[str, int]:
        """Topic -> offsets still missing until `ready`; empty when ready."""
        return self._opened.progress.waiting_for()

    def lag(self) -> dict[str, int]:
        """Topic -> committed offsets not returned yet, as of Kafka's last answer."""
        opened = self._opened
        return opened.progress.lag({place: opened.consumer.last_stable_offset(place) for place in opened.places})

    def silent_s(self) -> float:
        """Seconds since Kafka last answered for every partition: large when a broker is away, while this is polled."""
        now = steady_now()
        return now - min((answer.seen for answer in self._opened.answers.values()), default=now)

    async def _assign(self, consumer: AIOKafkaConsumer) -> _Opened:
        partitions = await Partitions.find(consumer, self._topics, self._timeout_s)
        lives = await topic_lives(self._connection, self._topics)
        places = partitions.places(self._keys)
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        self._bookmark.check({place: (begins[place], ends[place]) for place in places}, lives)
        positions = {place: self._start_of(place, begins[place]) for place in places}
        consumer.assign(places)
        for place, offset in positions.items():
            consumer.seek(place, offset)
        freshness = Freshness({place: lives[place.topic].away_s for place in places}, ends, steady_now())
        opened = _Opened(consumer, partitions, places, Progress(positions, ends), lives, freshness, {})
        opened.hear()
        return opened

    def _start_of(self, place: TopicPartition, begin: int) -> int:
        if begin and place.topic not in self._shortened:
            raise TruncatedError(
                f"records 0 to {begin - 1} of {place.topic}[{place.partition}] were deleted, with their rows: "
                "the topic of a table is compacted, never deleted from. See what its policy is: svq topics check"
            )
        return self._bookmark.offsets.get(place.topic, {}).get(place.partition, begin)

    def _answers(self, opened: _Opened) -> dict[tuple[str, int], tuple[int, float]]:
        """Place -> end that Kafka named last, and when."""
        ends = {place: opened.consumer.last_stable_offset(place) for place in opened.places}
        return {place: (end, opened.answers[place].seen) for place, end in ends.items() if end is not None and end >= 0}

    def _check(self, reason: str | None) -> None:
        if self._watching is not None and self._watching.done() and not self._watching.cancelled():
            self._watching.result()  # raises
        if reason is not None:
            raise ReadAgainError(f"{reason}: deletions meanwhile may be forgotten (delete.retention.ms)")

    async def _other_life(self, lives: Mapping[str, Life]) -> None:
        """Raise ReadAgainError once a topic is another one of the same name, for whose offsets nothing else tells."""
        while True:
            await asyncio.sleep(LIVES_S)
            with suppress(KafkaError, OSError):  # the reader itself copes with a broker that is away
                for topic, life in (await topic_lives(self._connection, self._topics)).items():
                    if life.other(lives[topic].id):
                        raise ReadAgainError(f"{topic} was deleted and created anew")

    @property
    def _opened(self) -> _Opened:
        if self._open is None:
            raise ReaderError("the reader is not started: use `async with ChangelogReader(...)`")
        return self._open
