"""Owning: fences, restores, positions and steps of shards, without Faust around them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from schemas.errors import FencedError
from tables import shard as shard_module
from tables.app import App, add_table, create_app
from tables.config import WorkerConfig
from tables.errors import LostOffsetsError, LostRecordsError, ShardLost, classified
from tables.offsets import committed_offsets, reader
from tables.position import Delivered
from tables.pulse import Pulses
from tables.shard import Shard
from tables.table import RESTORED, Table
from tests.tables.kafka_state import read_rows
from tests.tables.test_position import event as delivered


class Ended(Exception):  # noqa: N818
    """Stands for the end of the process, which a test has to survive."""


class Owner:
    """One worker's tables and its shard of partition 0, or of both partitions."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, partitions: tuple[int, ...] = (0,)) -> None:
        self.shards: list[Shard] = []
        self.config = WorkerConfig(
            group=prefix,
            connection={"bootstrap_servers": [bootstrap]},
            folder=folder,
            sources=(f"{prefix}-events", f"{prefix}-more"),
            partitions=2,
            transactional_id=f"{prefix}-all" if len(partitions) > 1 else None,
        )
        self.app: App = create_app(self.config)
        self.table: Table = add_table(self.app, "rows")
        self.app.finalize()
        self.partitions = partitions
        self.source = TopicPartition(f"{prefix}-events", partitions[0])
        self.generation = 1

    async def own(self) -> Shard:
        """What a rebalance does."""
        for partition in self.partitions:
            self.table.open(partition)
        name = self.config.shard_name(self.partitions[0])
        shard = Shard(name, self.partitions, self.config, [self.table], lambda: self.generation, Pulses())
        self.shards.append(shard)
        await shard.fence()
        changelogs = [self.table.changelog(partition) for partition in self.partitions]
        async with reader(self.config.connection) as consumer:
            ends = dict(await consumer.end_offsets(changelogs))
        await shard.restore(ends)
        return shard

    async def leave(self) -> None:
        for shard in self.shards:
            await shard.close()
        for partition in self.partitions:
            self.table.release(partition)

    def event(self, offset: int, generation: int = 1) -> Delivered:
        return delivered(offset, generation, self.source)

    async def rows(self) -> dict[tuple[int, bytes], bytes]:
        (bootstrap,) = self.config.connection["bootstrap_servers"]
        return await read_rows(bootstrap, self.table.changelog(0).topic, range(2))


@pytest.fixture(autouse=True)
async def topics(bootstrap: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(error: BaseException, **_: object) -> None:
        raise Ended from error

    monkeypatch.setattr(shard_module, "die", end)
    names = [f"{prefix}-{name}" for name in ("events", "more", "rows-changelog")]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    policies = ["delete", "delete", "compact"]
    await admin.create_topics(
        [NewTopic(n, 2, 1, topic_configs={"cleanup.policy": p}) for n, p in zip(names, policies, strict=True)]
    )
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for partition in (0, 1):
        for _ in range(5):
            await producer.send_and_wait(names[0], b"x", partition=partition)
    await producer.stop()


@pytest.fixture
async def owner_of(bootstrap: str, prefix: str, tmp_path: Path) -> AsyncIterator[Callable[..., Owner]]:
    """Makes owners, by folder, that are gone after the test."""
    async with AsyncExitStack() as stack:

        def make(folder: str = "tables", partitions: tuple[int, ...] = (0,)) -> Owner:
            owner = Owner(bootstrap, prefix, tmp_path / folder, partitions)
            stack.push_async_callback(owner.leave)
            return owner

        yield make


async def step(owner: Owner, shard: Shard, rows: dict[bytes, bytes | None], *offsets: int) -> None:
    async with shard.step([owner.event(offset) for offset in offsets]) as work:
        for key, value in rows.items():
            work.put(owner.table, owner.partitions[0], key, value)


async def test_rows_and_offsets_commit_together(owner_of: Callable[..., Owner]) -> None:
    owner = owner_of()
    shard = await owner.own()
    await step(owner, shard, {b"a": b"1", b"b": b"2"}, 0, 1)
    async with shard.step([owner.event(1), owner.event(2)]) as work:
        assert [event.message.offset for event in work.events] == [2]
        assert work.get(owner.table, 0, b"a") == b"1"
        work.put(owner.table, 0, b"a", None)
        assert work.get(owner.table, 0, b"a") is None
        assert owner.table.get(0, b"a") == b"1"
    assert await owner.rows() == {(0, b"b"): b"2"}
    assert owner.table.scan(0) == [(b"b", b"2")]
    assert shard.positions[owner.source].committed == 3
    assert (await committed_offsets(owner.config.connection, owner.config.group, shard.sources))[owner.source] == 3


async def test_a_step_without_events_and_rows_commits_nothing(owner_of: Callable[..., Owner]) -> None:
    owner = owner_of()
    shard = await owner.own()
    async with shard.step([owner.event(0, generation=7)]) as work:
        assert (work.events, work.empty) == ([], True)
    assert shard.positions[owner.source].committed == 0


async def test_a_fenced_owner_ends_and_the_next_one_has_it_all(owner_of: Callable[..., Owner]) -> None:
    first, second = owner_of("first"), owner_of("second")
    old = await first.own()
    await step(first, old, {b"a": b"1"}, 0)
    new = await second.own()
    assert second.table.scan(0) == [(b"a", b"1")]
    with pytest.raises(Ended) as ended:
        await step(first, old, {b"a": b"9"}, 1)
    assert isinstance(classified(ended.value.__cause__ or ended.value), FencedError)
    await step(second, new, {b"a": b"2"}, 1)
    assert await second.rows() == {(0, b"a"): b"2"}


async def test_a_closed_shard_takes_no_step(owner_of: Callable[..., Owner]) -> None:
    owner = owner_of()
    shard = await owner.own()
    await owner.leave()
    with pytest.raises(ShardLost):
        await step(owner, shard, {b"a": b"1"}, 0)
    with pytest.raises(ShardLost):
        await shard.admit([owner.event(0)])


async def test_a_step_that_fails_ends_the_process(owner_of: Callable[..., Owner]) -> None:
    owner = owner_of()
    shard = await owner.own()
    with pytest.raises(Ended):
        async with shard.step([owner.event(0)]):
            raise ZeroDivisionError
    assert await owner.rows() == {}


async def test_one_shard_may_hold_all_partitions(owner_of: Callable[..., Owner]) -> None:
    owner = owner_of(partitions=(0, 1))
    shard = await owner.own()
    other = TopicPartition(owner.source.topic, 1)
    admitted = await shard.admit([owner.event(0), delivered(0, 1, other), owner.event(1)])
    assert len(admitted) == 3
    assert [position.committed for position in shard.positions.values()] == [0, 0, 0, 0]
    async with shard.step() as work:
        work.put(owner.table, 1, b"home of the row", b"1")  # events of partition 0, a row of partition 1
        work.send(shard.sources[-1].topic, 0, None, b"letter", [("reason", b"x")])
        work.advance(owner.source, 2)
    assert await owner.rows() == {(1, b"home of the row"): b"1"}
    committed = await committed_offsets(owner.config.connection, owner.config.group, shard.sources)
    assert (committed[owner.source], committed[other]) == (2, 0)


async def test_local_rows_that_cannot_be_trusted_are_rebuilt(owner_of: Callable[..., Owner]) -> None:
    owner = owner_of()
    shard = await owner.own()
    await step(owner, shard, {b"a": b"1"}, 0)
    for reached in (b"999999 1900000000", b"1 1000000000"):  # of another topic's life; a year old
        await owner.leave()
        owner.table.open(0)
        owner.table.apply(0, [(b"ghost", b"1"), (RESTORED, reached)], end=None)
        shard = await owner.own()
        assert owner.table.scan(0) == [(b"a", b"1")]


async def test_rows_of_a_group_that_lost_its_offsets_stop_the_start(owner_of: Callable[..., Owner]) -> None:
    owner = owner_of()
    shard = await owner.own()
    await step(owner, shard, {b"a": b"1"}, 0)
    await owner.leave()
    # The same tables under a group without offsets: what Kafka makes of a group that nobody used for a week.
    other = owner_of()
    other.config = replace(owner.config, group=f"{owner.config.group}-forgotten")
    with pytest.raises(LostOffsetsError, match="reset-offsets"):
        await other.own()


async def test_records_that_retention_deleted_unread_stop_the_start(owner_of: Callable[..., Owner]) -> None:
    owner = owner_of()
    shard = await owner.own()
    await step(owner, shard, {b"a": b"1"}, 0)
    await owner.leave()
    admin = AIOKafkaAdminClient(bootstrap_servers=owner.config.connection["bootstrap_servers"])
    await admin.start()
    await admin.delete_records({owner.source: RecordsToDelete(before_offset=3)})
    await admin.close()
    with pytest.raises(LostRecordsError, match="records 1 to 2"):
        await owner.own()
