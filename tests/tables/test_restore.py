"""A state folder that cannot be trusted is rebuilt, loudly, and ends with the rows of its changelog."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tables import restore
from tables.errors import DamageError, InvariantError, LostRowsError, classified
from tables.table import Table
from tests.tables.chaos import until
from tests.tables.kafka_state import alter_topic, lose_beginning
from tests.tables.owners import Owner, step

OwnerOf = Callable[..., Owner]
ROWS = {b"k%05d" % number: b"v%05d" % number * 20 for number in range(4000)}
DEADLINE_S = 30.0


async def with_rows(owner: Owner) -> None:
    """Rows in several files of RocksDB, and some in its log."""
    shard = await owner.own()
    keys = sorted(ROWS)
    for start in range(0, len(keys), 1000):
        await step(owner, shard, {key: ROWS[key] for key in keys[start : start + 1000]})
        if start < 3000:
            owner.table._database(0).flush()
    await owner.leave()


async def agrees(owner: Owner) -> None:
    """Local rows and changelog are one."""
    assert dict(owner.table.scan(0)) == {key: value for (_, key), value in (await owner.rows()).items()}
    assert owner.table.reached(0).offset > 0


def database(table: Table) -> Path:
    return Path(table.data.partition_path(0))


def first(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


def halve(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def spoil(file: Path) -> None:
    file.write_bytes(b"garbage" * (1 + file.stat().st_size // 7))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a file cut short": lambda folder: halve(first(folder, "*.sst")),
    "a file of garbage": lambda folder: spoil(first(folder, "*.sst")),
    "a file gone": lambda folder: first(folder, "*.sst").unlink(),
    "MANIFEST cut short": lambda folder: halve(first(folder, "MANIFEST*")),
    "MANIFEST of garbage": lambda folder: spoil(first(folder, "MANIFEST*")),
    "MANIFEST gone": lambda folder: first(folder, "MANIFEST*").unlink(),
    "CURRENT empty": lambda folder: (folder / "CURRENT").write_bytes(b""),
    "CURRENT of garbage": lambda folder: spoil(folder / "CURRENT"),
    "everything garbage": lambda folder: [spoil(file) for file in folder.iterdir() if file.is_file()],
    "a file in its place": lambda folder: (shutil.rmtree(folder), folder.write_bytes(b"x")),
}


async def test_damaged_databases_are_rebuilt(owner_of: OwnerOf, capsys: pytest.CaptureFixture[str]) -> None:
    owner = owner_of()
    await with_rows(owner)
    for name, damage in DAMAGES.items():
        damage(database(owner.table))
        capsys.readouterr()
        await owner.own()
        await agrees(owner)
        assert "rebuilding" in capsys.readouterr().out, f"{name}: nobody said so"
        owner.table._database(0).flush()
        await owner.leave()


async def test_a_folder_that_is_empty_fills_itself(owner_of: OwnerOf) -> None:
    owner = owner_of()
    await with_rows(owner)
    shutil.rmtree(database(owner.table))
    shard = await owner.own()
    await agrees(owner)
    assert (shard.progress.left, shard.owned) == (0, True)
    assert shard.progress.moves > 1


async def test_a_damaged_block_ends_no_scan_in_silence_and_is_gone_after_a_restart(owner_of: OwnerOf) -> None:
    owner = owner_of()
    await with_rows(owner)
    file = first(database(owner.table), "*.sst")
    content = bytearray(file.read_bytes())
    content[100:200] = bytes(100)
    file.write_bytes(content)
    with pytest.raises(DamageError, match="rebuilt from its changelog"):  # noqa: PT012 - whichever is first
        await owner.own()  # RocksDB may meet the block in a compaction of its own
        owner.table.scan(0)
    await owner.leave()
    await owner.own()
    await agrees(owner)


async def test_rows_of_a_topic_that_was_deleted_are_not_taken_for_those_of_the_next_one(
    owner_of: OwnerOf, bootstrap: str, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = owner_of()
    shard = await owner.own()
    await step(owner, shard, {b"ghost": b"1"}, 0)
    await owner.leave()
    topic = owner.table.changelog(0).topic
    await create_anew(bootstrap, topic)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for number in range(20):  # more than there were before
        await producer.send_and_wait(topic, b"new", key=b"%d" % number, partition=0)
    await producer.stop()
    await owner.own()
    await agrees(owner)
    assert len(owner.table.scan(0)) == 20
    assert "of the same name that was deleted" in capsys.readouterr().out


async def test_a_folder_ahead_of_its_changelog_is_rebuilt(owner_of: OwnerOf) -> None:
    owner = owner_of()
    shard = await owner.own()
    await step(owner, shard, {b"a": b"1"}, 0)
    owner.table.apply(0, [(b"ghost", b"1")], end=999_999)
    await owner.leave()
    await owner.own()
    await agrees(owner)


async def test_a_worker_that_was_away_for_longer_than_tombstones_live_rebuilds(
    owner_of: OwnerOf, bootstrap: str, capsys: pytest.CaptureFixture[str]
) -> None:
    owner, other = owner_of(), owner_of("other")
    shard = await owner.own()
    await step(owner, shard, {b"a": b"1", b"ghost": b"1"}, 0)
    await owner.leave()
    reached = owner_reached(owner)
    await step(other, await other.own(), {b"ghost": None}, 1)
    await other.leave()
    topic = owner.table.changelog(0).topic
    await alter_topic(bootstrap, topic, cleanup_policy="compact", delete_retention_ms="40000")
    for away_s, rebuilt in ((15, False), (25, True)):  # half of 40 s, and a margin for slow machines
        owner.table.open(0)
        owner.table.apply(0, [(b"ghost", b"1")], end=reached, at=time.time() - away_s)
        owner.table.release(0)
        capsys.readouterr()
        await owner.own()
        assert ("delete.retention.ms allows" in capsys.readouterr().out) == rebuilt
        await agrees(owner)
        await owner.leave()


async def test_rows_that_nobody_changed_may_be_of_any_age(
    owner_of: OwnerOf, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = owner_of()
    shard = await owner.own()
    await step(owner, shard, {b"a": b"1"}, 0)
    await owner.leave()
    await owner.own()  # reads on behind the marker of the transaction
    await owner.leave()
    owner.table.open(0)
    owner.table.apply(0, [], end=owner.table.reached(0).offset, at=1.0)
    owner.table.release(0)
    await owner.own()
    await agrees(owner)
    assert "rebuilding" not in capsys.readouterr().out


async def test_a_changelog_without_its_beginning_is_an_error_with_a_remedy(owner_of: OwnerOf, bootstrap: str) -> None:
    owner = owner_of()
    shard = await owner.own()
    await step(owner, shard, {b"a": b"1", b"b": b"2"}, 0)
    await owner.leave()
    await lose_beginning(bootstrap, owner.table.changelog(0), before=1)
    with pytest.raises(LostRowsError, match=r"records 0 to 0 .*svq topics create") as lost:
        await owner.own()
    error = classified(lost.value)
    assert error is not None
    assert error.exit_code == InvariantError.exit_code


async def test_a_restore_says_which_transaction_holds_it_up(
    owner_of: OwnerOf, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "PROGRESS_S", 0.2)
    owner = owner_of()
    shard = await owner.own()
    await step(owner, shard, {b"a": b"1"}, 0)
    await owner.leave()
    changelog = owner.table.changelog(0)
    somebody = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"{changelog.topic}-else")
    await somebody.start()
    await somebody.begin_transaction()
    began = (await somebody.send_and_wait(changelog.topic, b"2", b"b", partition=0)).offset
    database_gone = owner_of("other")
    owning = asyncio.create_task(database_gone.own())
    try:

        async def said() -> bool:
            held = f"began at offset {began} of {changelog.topic}-0 is open"
            return bool(database_gone.shards) and held in str(database_gone.shards[-1].progress)

        await until(said, DEADLINE_S, lambda: f"{[str(shard.progress) for shard in database_gone.shards]}")
        await somebody.abort_transaction()
        await asyncio.wait_for(owning, DEADLINE_S)
        await agrees(database_gone)
    finally:
        owning.cancel()
        await somebody.stop()


def owner_reached(owner: Owner) -> int:
    owner.table.open(0)
    reached = owner.table.reached(0).offset
    owner.table.release(0)
    return reached


async def create_anew(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_topics([topic])

    async def created() -> bool:
        answer = await admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"cleanup.policy": "compact"})])
        return not any(code for _, code, *_ in answer.topic_errors)

    await until(created, DEADLINE_S, lambda: f"{topic} could not be created again")
    await admin.close()
