"""`svq topics grow` on a real Kafka, killed in the middle once: every row gets home, and the stream goes on."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from streamvq_client.changelog import ChangelogReader
from streamvq_client.partitioner import partition_of
from streamvq_client.rows import ClusterRow, decode_cluster, decode_item_index

from agents import moving
from infra import partition_growth as growing
from infra.partition_growth import grow, plan_growth
from infra.topics import require_topics
from schemas.errors import FencedError, TopicsError
from schemas.kafka import connection
from schemas.settings import Settings
from schemas.workers import ServerSettings
from tests.agents.index_bench import RUN, candidate
from tests.agents.trainer_process import (
    DEADLINE_S,
    PROCESSES,
    events_of,
    group_offsets,
    last_commit,
    publish,
    small,
    started,
    until_learnt,
)
from tests.serving.conftest import running
from tests.tables.chaos import Worker, until
from tests.tables.kafka_state import read_rows

pytestmark = pytest.mark.timeout(420)

BEFORE, AFTER = 2, 5
Rows = dict[tuple[int, bytes], bytes]


def with_partitions(settings: Settings, partitions: int) -> Settings:
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"partitions": partitions})})


async def rows_of(settings: Settings, partitions: int) -> dict[str, Rows]:
    """The four tables, as Kafka has them."""
    topics = settings.topics
    names = (topics.items_changelog, topics.item_index_changelog, topics.clusters_changelog, topics.histories_changelog)
    return {name: await read_rows(settings.kafka.bootstrap_servers, name, range(partitions)) for name in names}


def by_key(rows: Rows) -> dict[bytes, bytes]:
    """Every key has one row, wherever it is."""
    assert len({key for _, key in rows}) == len(rows)
    return {key: value for (_, key), value in rows.items()}


def clusters_of(rows: Rows) -> dict[bytes, ClusterRow]:
    added: dict[bytes, ClusterRow] = {}
    for (_, key), value in rows.items():
        row, before = decode_cluster(value), added.get(key, ClusterRow(0, 0, 0))
        added[key] = ClusterRow(before.items + row.items, before.exposures + row.exposures, 0)
    return {key: row for key, row in added.items() if row.items or row.exposures}


def check_homes(settings: Settings, tables: Mapping[str, Rows], partitions: int) -> None:
    """Every row is at home, and each partition's share is what its items add up to."""
    topics = settings.topics
    for name in (topics.items_changelog, topics.item_index_changelog, topics.histories_changelog):
        assert [key for at, key in tables[name] if partition_of(key, partitions) != at] == []
    filed = Counter(
        (at, str(decode_item_index(value).clusters[0]).encode())
        for (at, _), value in tables[topics.item_index_changelog].items()
    )
    shares = {place: decode_cluster(value).items for place, value in tables[topics.clusters_changelog].items()}
    assert {place: items for place, items in shares.items() if items} == dict(filed)


async def counted(settings: Settings, partitions: int) -> int:
    rows = await read_rows(settings.kafka.bootstrap_servers, settings.topics.clusters_changelog, range(partitions))
    return sum(decode_cluster(value).exposures for value in rows.values())


async def publish_items(settings: Settings, items: list[str]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers)
    await producer.start()
    try:
        for item in items:
            home = partition_of(item.encode(), settings.kafka.partitions)
            await producer.send(settings.topics.candidates, candidate(item, {}), item.encode(), home)
    finally:
        await producer.stop()


def indexer(settings: Settings, folder: Path) -> Worker:
    return Worker(
        RUN,
        {
            "SVQ_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
            "SVQ_KAFKA__PREFIX": settings.kafka.prefix,
            "SVQ_INDEXER__FOLDER": str(folder),
            "SVQ_INDEXER__SESSION_TIMEOUT_S": "6",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
    )


async def until_counted(settings: Settings, partitions: int, events: int) -> None:
    async def there() -> bool:
        return await counted(settings, partitions) == events

    await until(there, DEADLINE_S, lambda: f"{events} exposures are not counted")


async def until_filed(settings: Settings, partitions: int, items: list[str]) -> None:
    index, missing = settings.topics.item_index_changelog, set(items)

    async def there() -> bool:
        rows = await read_rows(settings.kafka.bootstrap_servers, index, range(partitions))
        missing.difference_update(key.decode() for _, key in rows)
        return not missing

    await until(there, DEADLINE_S, lambda: f"{len(missing)} candidates are not filed")


def killed_in_the_middle(settings: str, transactions: int) -> None:
    """A process that grows by small transactions and is killed before it ends one of them."""
    ends, whole = iter(range(transactions)), growing.publish

    async def publish(producer: Any, records: Any, offsets: Any, group: str) -> Any:
        if next(ends, None) is not None:
            return await whole(producer, records, offsets, group)
        await producer.begin_transaction()
        for source, rows in records.items():
            for row in rows:
                await producer.send(source.topic, row.value, row.key, source.partition)
        await producer.flush()
        return os.kill(os.getpid(), signal.SIGKILL)

    moving.ROWS_AT_A_TIME = 20
    growing.publish = publish
    asyncio.run(grow(Settings.model_validate_json(settings), AFTER, print))


async def test_rows_move_home_through_a_kill_and_the_stream_goes_on(
    settings_with_topics: Settings, tmp_path: Path
) -> None:
    settings = small(settings_with_topics)
    more = with_partitions(settings, AFTER)
    records = events_of(random.Random(5), 100)  # noqa: S311
    worker = indexer(settings, tmp_path / "indexer")
    try:
        with started(settings) as trainer:
            await publish_items(settings, [f"i{n}" for n in range(200)])
            await publish(settings, records[:50])
            await until_learnt(trainer, settings, 1000)
            await until_counted(settings, BEFORE, 1000)
            await until_filed(settings, BEFORE, [f"i{n}" for n in range(200)])
            with pytest.raises(FencedError, match="stop trainer and indexers"):
                await grow(settings, AFTER, print)
            assert await asyncio.to_thread(worker.stop) == 0
            await publish(settings, records[50:60])
            await until_learnt(trainer, settings, 1200)  # placements that no indexer has read
            assert trainer.stop() == 0, trainer.log
    finally:
        worker.end()
    await publish(settings, records[60:70])  # neither has the trainer these
    await publish_items(settings, [f"late{n}" for n in range(50)])
    before = await rows_of(settings, BEFORE)
    check_homes(settings, before, BEFORE)

    planned = await plan_growth(settings, AFTER, print)
    assert (await require_topics(settings)).kafka.partitions == BEFORE
    killed = PROCESSES.Process(target=killed_in_the_middle, args=(settings.model_dump_json(), 4))
    killed.start()
    await asyncio.to_thread(killed.join, DEADLINE_S)
    assert killed.exitcode == -signal.SIGKILL
    with pytest.raises(TopicsError, match=f"svq topics grow --partitions {AFTER}"):
        await require_topics(more)
    done = await grow_after_all(settings)
    after = await rows_of(settings, AFTER)
    check_homes(settings, after, AFTER)
    clusters = settings.topics.clusters_changelog
    for name in before.keys() - {clusters}:
        assert by_key(after[name]) == by_key(before[name])
        assert 0 < done.moved[name] < planned.moved[name] or name == settings.topics.histories_changelog
    assert clusters_of(after[clusters]) == clusters_of(before[clusters])
    again = await grow_after_all(settings)
    assert not any(again.moved.values()), "there is nothing left to move"

    await goes_on(more, records, tmp_path)


async def grow_after_all(settings: Settings) -> growing.Growth:
    """Once the session of the process that was killed has expired, which counts as a trainer at work."""
    done: list[growing.Growth] = []

    async def grown() -> bool:
        try:
            done.append(await grow(settings, AFTER, print))
        except FencedError:
            return False
        return True

    await until(grown, DEADLINE_S, lambda: "somebody is still a member")
    return done[0]


async def goes_on(settings: Settings, records: list[tuple[str, Any]], folder: Path) -> None:
    """In the folders of before: what was unread counts, what is published now too, and a server has it all."""
    worker = indexer(settings, folder / "indexer")
    try:
        with started(settings) as trainer:
            await publish(settings, records[70:])
            await until_learnt(trainer, settings, 2000)
            await until_counted(settings, AFTER, 2000)
            assert trainer.stop() == 0, trainer.log
            await until_filed(settings, AFTER, [f"late{n}" for n in range(50)])  # at their former home until now
        assert await asyncio.to_thread(worker.stop) == 0
    finally:
        worker.end()
    tables = await rows_of(settings, AFTER)
    check_homes(settings, tables, AFTER)
    index = by_key(tables[settings.topics.item_index_changelog])
    assert sum(decode_item_index(row).exposures for row in index.values()) == 2000
    commit = await last_commit(settings)
    assert commit is not None
    assert commit.offsets == await group_offsets(settings)
    assert len(commit.offsets) == AFTER
    async with running(settings.model_copy(update={"server": ServerSettings(port=0)})) as server:
        await server.ready()
        assert (await server.stats())["items"] == len(index)
    assert await read_by_a_client(settings) == set(index)


async def read_by_a_client(settings: Settings) -> set[bytes]:
    """What somebody else's reader makes of the topic, marks at former homes and all."""
    rows: set[bytes] = set()
    async with ChangelogReader(connection(settings.kafka), [settings.topics.item_index_changelog]) as reader:
        while not reader.ready:
            for record in await reader.poll():
                assert record.key is not None
                (rows.discard if record.value is None else rows.add)(record.key)
    return rows


async def test_what_cannot_be_grown_is_refused(settings_with_topics: Settings) -> None:
    with pytest.raises(TopicsError, match="have 2 partitions: Kafka can add some, but take none away"):
        await grow(settings_with_topics, 1, print)
    done = await grow(settings_with_topics, 3, print)
    assert (done.before, done.after, sum(done.moved.values())) == (2, 3, 0)
    assert (await require_topics(with_partitions(settings_with_topics, 3))).kafka.partitions == 3
