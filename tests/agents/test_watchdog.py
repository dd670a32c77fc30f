"""Lag without progress ends the process; lag that is only markers is none."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from prometheus_client import CollectorRegistry

from agents import watchdog as watchdog_module
from agents.watchdog import Watchdog, skip_in_a_step
from agents.worker_metrics import WorkerMetrics
from tables import offsets
from tables.app import add_table, create_app
from tables.config import WorkerConfig
from tables.errors import StalledError
from tables.offsets import committed_offsets
from tables.shards import Shards
from tests.tables.chaos import until

DEADLINE_S = 30


@pytest.fixture
async def shards(bootstrap: str, prefix: str, tmp_path: Path) -> AsyncIterator[Shards]:
    """One shard, owned and ready, whose stream nobody reads."""
    async with owned(bootstrap, prefix, tmp_path, partitions=1) as shards:
        yield shards


@asynccontextmanager
async def owned(bootstrap: str, prefix: str, folder: Path, partitions: int) -> AsyncIterator[Shards]:
    names = [f"{prefix}-events", f"{prefix}-rows-changelog"]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
    await admin.close()
    config = WorkerConfig(
        group=prefix,
        connection={"bootstrap_servers": [bootstrap]},
        folder=folder,
        sources=(names[0],),
        partitions=partitions,
        stall_deadline_s=2.0,
    )
    app = create_app(config)
    table = add_table(app, "rows")
    app.finalize()
    for partition in range(partitions):
        table.open(partition)
    app.shards.publish(await app.shards.fence(set(range(partitions))))
    for shard in app.shards:
        await asyncio.wait_for(shard.ready.wait(), DEADLINE_S)
    yield app.shards
    await app.shards.release()
    for partition in range(partitions):
        table.release(partition)


@pytest.fixture(autouse=True)
def short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_module, "LOOK_S", 0.05)
    monkeypatch.setattr(watchdog_module, "IDLE_S", 0.2)


async def send(bootstrap: str, source: TopicPartition, *, commit: bool) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=f"{source.topic}-sender", retry_backoff_ms=3
    )
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(source.topic, b"x", partition=source.partition)
    await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()


async def no_check() -> None:
    pass


async def test_markers_are_skipped_and_records_that_wait_are_overdue(bootstrap: str, shards: Shards) -> None:
    registry = CollectorRegistry()
    (shard,) = shards
    (source,) = shard.sources
    watchdog = asyncio.create_task(Watchdog(shards, WorkerMetrics(registry), no_check, skip_in_a_step).run())
    try:
        await send(bootstrap, source, commit=False)

        async def skipped() -> bool:
            shards.pulses.advance(0.2)
            found = await committed_offsets(shards.config.connection, shards.config.group, [source])
            return found[source] == 2

        await until(skipped, DEADLINE_S, lambda: "the offset stayed behind an aborted record and its marker")
        assert shard.positions[source].next_offset == 2
        assert shards.pulses.overdue() is None
        assert (registry.get_sample_value("svq_last_step_time_seconds") or 0) > time.time() - DEADLINE_S
        await send(bootstrap, source, commit=True)

        async def overdue() -> bool:
            assert not watchdog.done()
            shards.pulses.advance(0.2)
            return shards.pulses.overdue() is not None

        await until(overdue, DEADLINE_S, lambda: "a record waits, and nobody minds")
    finally:
        watchdog.cancel()
    pulse = shards.pulses.overdue()
    assert pulse is not None
    assert pulse.error is StalledError
    assert f"{source.topic}-0 has stood still" in str(pulse)
    assert "record 2 waits" in str(pulse)
    labels = {"topic": source.topic, "partition": "0"}
    assert registry.get_sample_value("svq_consumer_lag_records", labels) == 2


async def test_many_partitions_that_end_in_markers_are_looked_into_side_by_side(
    bootstrap: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = most = 0

    async def probe(*arguments: Any) -> tuple[int | None, int]:
        nonlocal looking, most
        looking += 1
        most = max(most, looking)
        try:
            return await offsets.probe(*arguments)
        finally:
            looking -= 1

    monkeypatch.setattr(watchdog_module, "probe", probe)
    monkeypatch.setattr(watchdog_module, "PROBES_AT_A_TIME", 2)
    async with owned(bootstrap, prefix, tmp_path, partitions=4) as shards:
        sources = [source for shard in shards for source in shard.sources]
        for source in sources:
            await send(bootstrap, source, commit=False)
        watching = Watchdog(shards, WorkerMetrics(CollectorRegistry()), no_check, skip_in_a_step).run()
        watchdog = asyncio.create_task(watching)

        async def skipped() -> bool:
            assert not watchdog.done()
            shards.pulses.advance(0.2)
            found = await committed_offsets(shards.config.connection, shards.config.group, sources)
            return set(found.values()) == {2}

        try:
            await until(skipped, DEADLINE_S, lambda: "offsets stayed behind markers")
        finally:
            watchdog.cancel()
    assert most == 2


async def test_what_is_not_owned_any_more_is_not_watched(shards: Shards) -> None:
    registry = CollectorRegistry()
    registry.register(shards.pulses)
    (source,) = next(iter(shards)).sources
    watchdog = asyncio.create_task(Watchdog(shards, WorkerMetrics(registry), no_check, skip_in_a_step).run())
    labels = {"topic": source.topic, "partition": "0"}
    what = {"what": f"{source.topic}-0"}
    try:

        async def watched() -> bool:
            return registry.get_sample_value("svq_still_limit_seconds", what) == 2.0

        await until(watched, DEADLINE_S, lambda: "nobody watches the source")
        assert registry.get_sample_value("svq_consumer_lag_records", labels) == 0
        await shards.release()

        async def forgotten() -> bool:
            return registry.get_sample_value("svq_still_limit_seconds", what) is None

        await until(forgotten, DEADLINE_S, lambda: "it is watched for ever")
        assert registry.get_sample_value("svq_consumer_lag_records", labels) is None
    finally:
        watchdog.cancel()


async def test_an_extra_check_that_fails_ends_it(shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_module, "CHECK_S", 0.0)

    async def check() -> None:
        raise StalledError("partitions were added")

    with pytest.raises(StalledError, match="partitions were added"):
        await asyncio.wait_for(
            Watchdog(shards, WorkerMetrics(CollectorRegistry()), check, skip_in_a_step).run(), DEADLINE_S
        )
