"""Lag without progress ends the process; lag that is only markers is none."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from prometheus_client import CollectorRegistry, Gauge

from agents import watchdog as watchdog_module
from agents.watchdog import Watchdog
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
    names = [f"{prefix}-events", f"{prefix}-rows-changelog"]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1) for name in names])
    await admin.close()
    config = WorkerConfig(
        group=prefix,
        connection={"bootstrap_servers": [bootstrap]},
        folder=tmp_path,
        sources=(names[0],),
        partitions=1,
        stall_deadline_s=2.0,
    )
    app = create_app(config)
    table = add_table(app, "rows")
    app.finalize()
    table.open(0)
    app.shards.publish(await app.shards.fence({0}))
    for shard in app.shards:
        await asyncio.wait_for(shard.ready.wait(), DEADLINE_S)
    yield app.shards
    await app.shards.release()
    table.release(0)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Why the process would have ended; with short intervals."""
    reasons: list[BaseException] = []
    monkeypatch.setattr(watchdog_module, "LOOK_S", 0.05)
    monkeypatch.setattr(watchdog_module, "IDLE_S", 0.2)
    monkeypatch.setattr(watchdog_module, "die", lambda reason, **_: reasons.append(reason))
    return reasons


async def send(bootstrap: str, source: TopicPartition, *, commit: bool) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=f"{source.topic}-sender", retry_backoff_ms=3
    )
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(source.topic, b"x", partition=source.partition)
    await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()


def watching(shards: Shards, lag: Gauge, loop_lag: Gauge) -> "asyncio.Task[None]":
    async def check() -> None:
        pass

    return asyncio.create_task(Watchdog(shards, lag, loop_lag, check, skip_markers=True).run())


async def test_markers_are_skipped_and_records_that_wait_end_the_process(
    bootstrap: str, shards: Shards, ended: list[BaseException]
) -> None:
    registry = CollectorRegistry()
    lag = Gauge("lag", "lag", ["topic", "partition"], registry=registry)
    (shard,) = shards
    (source,) = shard.sources
    task = watching(shards, lag, Gauge("loop", "loop", registry=registry))
    try:
        await send(bootstrap, source, commit=False)

        async def skipped() -> bool:
            offsets = await committed_offsets(shards.config.connection, shards.config.group, [source])
            return offsets[source] == 2

        await until(skipped, DEADLINE_S, lambda: "the offset stayed behind an aborted record and its marker")
        assert shard.positions[source].next_offset == 2
        assert not ended
        await send(bootstrap, source, commit=True)
        await asyncio.wait_for(task, DEADLINE_S)
    finally:
        task.cancel()
    (reason,) = ended
    assert isinstance(reason, StalledError)
    assert "record 2" in str(reason)
    labels = {"topic": source.topic, "partition": "0"}
    assert registry.get_sample_value("lag", labels) == 2


async def test_an_extra_check_that_fails_ends_the_process(
    shards: Shards, ended: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog_module, "CHECK_S", 0.0)
    registry = CollectorRegistry()

    async def check() -> None:
        raise StalledError("partitions were added")

    lag = Gauge("lag", "lag", ["topic", "partition"], registry=registry)
    watchdog = Watchdog(shards, lag, Gauge("loop", "loop", registry=registry), check)
    await asyncio.wait_for(watchdog.run(), DEADLINE_S)
    assert [str(reason) for reason in ended] == ["partitions were added"]
