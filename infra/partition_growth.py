"""`svq topics grow`: more partitions for a retriever that holds data. Every row moves to where its key lives then.

Kafka can only add partitions, and keys hash elsewhere from that moment on. Rows move a transaction at a time: gone from
where they were, there at their new home, with the cluster shares of both. `assignments` grows last, and workers refuse
to start while topics differ; so nothing works on a half of it, and whatever ended it, it is simply run again.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from streamvq_client.snapshot import read_topic

from agents.moving import Homes
from agents.stand_in import stand_in
from infra.growth_checks import present_partitions, require_stopped, running_groups
from infra.reach import administration
from infra.topic_facts import TopicFacts, read_facts
from schemas.errors import UnreachableError
from schemas.kafka import connection
from schemas.parameters import COMMIT_KEY, Commit, decode_commit, encode_commit, first_version
from schemas.settings import Settings
from tables.offsets import committed_offsets, reader
from tables.transaction import Record, fenced, publish

ALTER_DEADLINE_S = 30.0
PAUSE_S = 0.1

Say = Callable[[str], None]


@dataclass(slots=True)
class Growth:
    """What was done, or would be.

    Attributes:
        before, after: partitions; the same where an earlier run only had to be finished.
        moved: topic -> rows that moved.
    """

    before: int
    after: int
    moved: dict[str, int] = field(default_factory=dict)

    def count(self, tables: Mapping[str, Mapping[bytes, bytes]]) -> None:
        """Add rows that moved."""
        for topic, rows in tables.items():
            self.moved[topic] = self.moved.get(topic, 0) + len(rows)


async def plan_growth(settings: Settings, partitions: int, say: Say) -> Growth:
    """What growing would do. Reads only."""
    async with administration(settings.kafka) as admin:
        growth = Growth(await present_partitions(admin, settings, partitions), partitions)
        for group in await running_groups(admin, settings):
            say(f"{group} has members: they have to be stopped")
    homes = Homes(connection(settings.kafka), partitions)
    for number in range(growth.before):
        for topics in _tables(settings):
            growth.count((await homes.strays(topics, number)).tables)
    return growth


async def grow(settings: Settings, partitions: int, say: Say) -> Growth:
    """Give every topic that holds items or users this number of partitions, and move the rows.

    Raises:
        FencedError: a worker is running, or one was started meanwhile.
        TopicsError: there are more partitions already, or an earlier growth to another number is not finished.
    """
    async with administration(settings.kafka) as admin:
        growth = Growth(await present_partitions(admin, settings, partitions), partitions)
        require_stopped(await running_groups(admin, settings), settings)
        async with stand_in(settings) as trainer:
            await _Grower(admin, settings, growth, say).run(trainer)
    return growth


class _Grower:
    """Holds the trainer's lock; every step may be repeated."""

    def __init__(self, admin: AIOKafkaAdminClient, settings: Settings, growth: Growth, say: Say) -> None:
        self._admin, self._settings, self._growth, self._say = admin, settings, growth, say
        self._topics, self._connection = settings.topics, connection(settings.kafka)
        self._homes = Homes(self._connection, growth.after)

    async def run(self, trainer: Any) -> None:
        """`trainer`: a producer of its transactional id."""
        topics, last = self._topics, self._topics.assignments
        indexers = [f"{topics.indexer_app}-{number}" for number in range(self._growth.after)]
        for name in indexers:
            async with fenced(self._connection, name):
                pass  # whoever paused in the middle of a step can end it no more
        await self._alter([topic for topic in topics.partitioned if topic != last])
        # From now on no worker starts; one that did so just before has joined by now, or fails.
        require_stopped(
            [group for group in await running_groups(self._admin, self._settings) if group != topics.trainer_lock],
            self._settings,
        )
        await self._begin(topics.candidates, indexers)
        await self._move_items(indexers)
        await self._move_histories(trainer)
        await self._widen(trainer)
        await self._alter([last])
        await self._begin(last, indexers)

    async def _alter(self, names: Sequence[str]) -> None:
        facts = await read_facts(self._admin, names)
        smaller = [name for name in names if facts[name].partitions < self._growth.after]
        if smaller:
            await self._admin.create_partitions({name: NewPartitions(self._growth.after) for name in smaller})
        end = time.monotonic() + ALTER_DEADLINE_S
        while not _grown(facts := await read_facts(self._admin, names), self._growth.after):
            if time.monotonic() > end:
                raise UnreachableError(f"not grown after {ALTER_DEADLINE_S:g} s: {_counts(facts)}. Run it again")
            await asyncio.sleep(PAUSE_S)
        for name in smaller:
            self._say(f"{name}: {self._growth.after} partitions")

    async def _begin(self, topic: str, indexers: Sequence[str]) -> None:
        """The group reads new partitions from their beginning, and says so: no offset means lost ones later on."""
        for place, offset in (await self._unset(topic, self._topics.indexer_app)).items():
            async with fenced(self._connection, indexers[place.partition]) as producer:
                await publish(producer, {}, {place: offset}, self._topics.indexer_app)

    async def _unset(self, topic: str, group: str) -> dict[TopicPartition, int]:
        places = [TopicPartition(topic, number) for number in range(self._growth.after)]
        committed = await committed_offsets(self._connection, group, places)
        if all(offset is None for offset in committed.values()):
            return {}  # nobody has read it yet: whoever does begins at the beginning
        async with reader(self._connection) as consumer:
            beginnings = await consumer.beginning_offsets(places)
        return {place: beginnings[place] for place, offset in committed.items() if offset is None}

    async def _move_items(self, indexers: Sequence[str]) -> None:
        topics = self._topics
        shares = await self._homes.shares(topics.clusters_changelog)
        for number, name in enumerate(indexers):
            async with fenced(self._connection, name) as producer:
                strays = await self._homes.strays((topics.items_changelog, topics.item_index_changelog), number)
                for piece in strays.pieces():
                    index = piece.tables[topics.item_index_changelog]
                    records = self._homes.moved(piece) | shares.moved(index, number, self._homes)
                    await publish(producer, records, {}, topics.indexer_app)
                    self._growth.count(piece.tables)
            if strays:
                self._say(f"partition {number}: {len(strays):,} rows of items moved")

    async def _move_histories(self, trainer: Any) -> None:
        topics = self._topics
        for number in range(self._growth.after):
            strays = await self._homes.strays((topics.histories_changelog,), number)
            for piece in strays.pieces():
                await publish(trainer, self._homes.moved(piece), {}, topics.trainer_app)
                self._growth.count(piece.tables)
            if strays:
                self._say(f"partition {number}: {len(strays):,} histories moved")

    async def _widen(self, trainer: Any) -> None:
        """A version with positions in the new partitions, which the group gets in the same transaction: they agree."""
        topics = self._topics
        offsets, commit = await self._unset(topics.exposures, topics.trainer_app), await self._last_commit()
        if commit is not None and offsets:
            closing = [Record(COMMIT_KEY, encode_commit(_widened(commit, offsets)))]
            places = (TopicPartition(topics.parameters, 0), TopicPartition(topics.trainer_state, 0))
            await publish(trainer, dict.fromkeys(places, closing), offsets, topics.trainer_app)

    async def _last_commit(self) -> Commit | None:
        commit = None
        async for record in read_topic(self._connection, self._topics.parameters):
            if record.key == COMMIT_KEY and record.value is not None:
                commit = decode_commit(record.value)
        return commit


def _tables(settings: Settings) -> Iterator[tuple[str, ...]]:
    topics = settings.topics
    yield topics.items_changelog, topics.item_index_changelog
    yield (topics.histories_changelog,)


def _widened(commit: Commit, offsets: Mapping[TopicPartition, int]) -> Commit:
    now_ms = time.time_ns() // 1_000_000
    return msgspec.structs.replace(
        commit,
        version=first_version(commit.version, now_ms),
        offsets=commit.offsets | {place.partition: offset for place, offset in offsets.items()},
        time_ms=now_ms,
        publish_ms=0.0,
        metrics={},
    )


def _grown(facts: Mapping[str, TopicFacts], partitions: int) -> bool:
    return all(fact.partitions == partitions and fact.led for fact in facts.values())


def _counts(facts: Mapping[str, TopicFacts]) -> str:
    return ", ".join(f"{name} {fact.partitions}" for name, fact in facts.items())
