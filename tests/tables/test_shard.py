"""Owning: fences, restores, positions and steps of shards, without Faust around them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from schemas.errors import FencedError
from tables.errors import LostOffsetsError, LostRecordsError, ShardLost, classified
from tables.offsets import committed_offsets
from tests.tables.owners import Ended, Owner, step
from tests.tables.test_position import event as delivered


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
