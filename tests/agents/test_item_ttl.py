"""Items of which nothing is heard any more are deleted, by the time of arrival; everything keeps adding up."""

import time
from pathlib import Path

import pytest

from infra.topics import create_topics
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from tests.agents.index_bench import RUN, Bench
from tests.tables.chaos import Worker, until

DEADLINE_S = 90
TTL_S, MARK_S = 8, 14
AHEAD_S = 7200
# An indexer whose clock is wrong.
AHEAD = [RUN[0], f"import time; own = time.time_ns; time.time_ns = lambda: own() + {AHEAD_S} * 10**9; {RUN[1]}"]


@pytest.mark.timeout(240)
async def test_an_item_that_nobody_publishes_or_sees_is_deleted(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    kafka = KafkaSettings(bootstrap_servers=bootstrap, prefix=prefix, partitions=2)
    settings = Settings(data=tmp_path, kafka=kafka)
    await create_topics(settings)
    bench = Bench(settings)
    bench.learn([f"known-{i}" for i in range(40)])
    await bench.publish_model()
    own = {"item_ttl_s": TTL_S, "deletion_ttl_s": MARK_S, "scan_interval_s": 1}
    worker = Worker(RUN, bench.environment(tmp_path / "indexer", **own))
    old = [f"old-{i}" for i in range(20)]
    published, shown = [f"published-{i}" for i in range(5)], [f"shown-{i}" for i in range(5)]
    everything = [*old, *published, *shown]

    async def exposures(items: list[str]) -> None:
        await bench.assign(bench.block(dict.fromkeys(items, 1), dict.fromkeys(items, 1), bench.version))

    try:
        await bench.publish({item: {"category": "c1"} for item in everything})
        await exposures(everything)

        async def all_filed() -> bool:
            return (await bench.index()).keys() == set(everything)

        await until(all_filed, DEADLINE_S, lambda: "not everything was filed")
        rounds = 1

        async def only_the_old_are_gone() -> bool:
            nonlocal rounds
            await bench.publish({item: {"category": "c1"} for item in published})
            await exposures(shown)
            rounds += 1
            index = await bench.index()
            assert {*published, *shown} <= index.keys(), "an item that is heard of was deleted"
            return index.keys() == {*published, *shown}

        await until(only_the_old_are_gone, DEADLINE_S, lambda: "old items never went")
        marks = {item for item, row in (await bench.items()).items() if row.deleted is not None}
        assert marks == set(old)
        await exposures(old[:3])  # they come too late, and count all the same

        async def counted() -> bool:
            rows = await bench.clusters()
            return sum(row.exposures for row in rows.values()) == len(everything) + (rounds - 1) * len(shown) + 3

        await until(counted, DEADLINE_S, lambda: "exposures were lost")
        assert (await bench.clusters())[-1].exposures == 3
        assert old[0] not in await bench.index()
        await bench.check_sums()

        async def marks_are_swept() -> bool:
            return (await bench.items()).keys() == {*published, *shown}

        # That takes longer than items live, and nothing arrives meanwhile: no time passes for them.
        await until(marks_are_swept, DEADLINE_S, lambda: "marks stayed")
        assert (await bench.index()).keys() == {*published, *shown}
        assert worker.stop() == 0
    finally:
        worker.end()


@pytest.mark.timeout(180)
async def test_when_an_item_was_heard_of_is_what_the_broker_says(
    settings_with_topics: Settings, tmp_path: Path
) -> None:
    bench = Bench(settings_with_topics)
    bench.learn(["a", "b"])
    await bench.publish_model()
    worker = Worker(AHEAD, bench.environment(tmp_path / "indexer", item_ttl_s=AHEAD_S / 2, scan_interval_s=1))
    before_ms = time.time_ns() // 1_000_000
    try:
        await bench.publish({"a": {"category": "c1"}})
        await bench.assign(bench.block({"b": 1}, {"b": 1}, bench.version))

        async def filed() -> bool:
            return (await bench.index()).keys() == {"a", "b"}

        await until(filed, DEADLINE_S, lambda: "not everything was filed")
        heard = [row.time for row in (await bench.index()).values()]
        assert all(before_ms <= at <= time.time_ns() // 1_000_000 for at in heard), heard
        assert worker.stop() == 0
    finally:
        worker.end()
