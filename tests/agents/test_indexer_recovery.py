"""What indexers do before there is a model, when a new version comes, and when they are killed.

SVQ_CHAOS_SECONDS torments two of them for that long.
"""

import asyncio
import os
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from schemas.settings import Settings
from tests.agents.index_bench import RUN, Bench
from tests.tables.chaos import Fleet, Worker, fleet, torment, until

DEADLINE_S = 90
CHAOS_S = float(os.environ.get("SVQ_CHAOS_SECONDS", "0"))


async def filed(bench: Bench, items: list[str]) -> None:
    """Wait until every item is where the bench's model files it."""
    wrong: list[str] = []

    async def everywhere() -> bool:
        index = await bench.index()
        features = [{"category": f"c{i % 3}"} for i in range(len(items))]
        model = bench.learner.model
        expected = model.assign(model.items(items, features).v_nd, np.full(len(items), -1, np.int32))
        wrong[:] = [
            item
            for item, code in zip(items, expected.tolist(), strict=True)
            if item not in index or index[item].clusters != [code]
        ]
        return not wrong

    await until(everywhere, DEADLINE_S, lambda: f"not filed: {len(wrong)} of {len(items)}")


@pytest.mark.timeout(240)
async def test_items_are_filed_when_the_codebook_appears_and_again_by_later_versions(
    settings_with_topics: Settings, tmp_path: Path
) -> None:
    bench = Bench(settings_with_topics)
    items = [f"i-{n}" for n in range(600)]
    async with fleet([RUN], bench.environment(tmp_path, scan_interval_s=4, deletion_ttl_s=0.1)) as running:
        await bench.publish({item: {"category": f"c{n % 3}"} for n, item in enumerate(items)})

        async def all_there() -> bool:
            return len(await bench.index()) == len(items)

        await until(all_there, DEADLINE_S, lambda: "candidates wait for a model")
        assert {tuple(row.clusters) for row in (await bench.index()).values()} == {(-1,)}
        assert (await bench.clusters())[-1].items == len(items)
        bench.learn(items)
        assert bench.learner.model.codebook.n_codes == 8
        await bench.publish_model()
        await filed(bench, items)
        await bench.check_sums()
        first = await bench.index()
        assert {len(row.bias) for row in first.values()} == {1}
        bench.learn(items, steps=60)
        version = await bench.publish_model()
        await filed(bench, items)
        second = await bench.index()
        assert any(second[item].clusters != first[item].clusters for item in items)
        assert max(row.version for row in second.values()) == version
        await bench.publish({items[0]: None})

        async def expired() -> bool:
            return items[0] not in await bench.items()

        await until(expired, DEADLINE_S, lambda: "the deletion mark stayed")
        assert items[0] not in await bench.index()
        assert await running.stop() == [0]
    await bench.check_sums()


@pytest.mark.timeout(240)
async def test_a_restart_goes_on_where_it_was(settings_with_topics: Settings, tmp_path: Path) -> None:
    bench = Bench(settings_with_topics)
    bench.learn(["a", "b", "c"])
    await bench.publish_model()
    for round_ in range(2):
        worker = Worker(RUN, bench.environment(tmp_path, scan_interval_s=600))
        try:
            await bench.publish({f"r{round_}-{n}": {"category": "c1"} for n in range(50)})
            wanted = 50 * (round_ + 1)

            async def all_there(wanted: int = wanted) -> bool:
                return len(await bench.index()) == wanted

            await until(all_there, DEADLINE_S, lambda: "rows are missing")
            started = time.monotonic()
            assert await asyncio.to_thread(worker.stop) == 0
            assert time.monotonic() - started < 10
        finally:
            worker.end()
        await bench.check_sums()


@pytest.mark.timeout(300)
async def test_assignments_count_once_through_kills(settings_with_topics: Settings, tmp_path: Path) -> None:
    bench, rng = Bench(settings_with_topics), random.Random(7)  # noqa: S311
    items = [f"k-{n}" for n in range(300)]
    bench.learn(items)
    await bench.publish_model()
    counts: Counter[str] = Counter()
    async with fleet([RUN], bench.environment(tmp_path, scan_interval_s=1)) as running:
        for kills in range(3):
            for _ in range(12):
                exposures = {item: rng.randrange(1, 4) for item in rng.sample(items, 60)}
                await bench.assign(bench.block(exposures, {item: rng.randrange(8) for item in items}, bench.version))
                counts.update(exposures)
                await bench.publish({item: {"category": "c2"} for item in rng.sample(items, 20)})
            await some_progress(bench, counts.total() // 2)
            if kills < 2:
                running.workers[0].process.kill()
        await complete(bench, running, counts)
        assert await running.stop() == [0]
    await bench.check_sums()
    assert sum(row.exposures for row in (await bench.clusters()).values()) == counts.total()


@pytest.mark.skipif(not CHAOS_S, reason="takes SVQ_CHAOS_SECONDS")
@pytest.mark.timeout(300 + 2 * int(CHAOS_S))
async def test_two_indexers_stay_exact_through_kills_and_pauses(settings_with_topics: Settings, tmp_path: Path) -> None:
    bench, rng = Bench(settings_with_topics), random.Random(11)  # noqa: S311
    items = [f"k-{n}" for n in range(500)]
    bench.learn(items)
    await bench.publish_model()
    counts: Counter[str] = Counter()
    deleted: set[str] = set()
    environments = [bench.environment(tmp_path / name, scan_interval_s=1, deletion_ttl_s=3600) for name in "ab"]
    async with fleet([RUN, RUN], environments) as running:
        tormenting = asyncio.create_task(torment(running.workers, CHAOS_S, (2.0, 9.0), 11))
        rounds = 0
        while not tormenting.done():
            exposures = {item: rng.randrange(1, 4) for item in rng.sample(items, 60)}
            await bench.assign(bench.block(exposures, {item: rng.randrange(8) for item in items}, bench.version))
            counts.update(exposures)
            fresh = {f"c-{rng.randrange(3000)}": {"category": "c2"} for _ in range(30)}
            gone = dict.fromkeys(f"c-{rng.randrange(3000)}" for _ in range(5))
            await bench.publish({**fresh, **gone})
            deleted = (deleted - fresh.keys()) | gone.keys()
            if rng.random() < 0.1:
                bench.learn(items, steps=5)
                await bench.publish_model()
            rounds += 1
        print(await tormenting, "rounds", rounds)
        await complete(bench, running, counts, deadline_s=90)
        await until_processed(bench, deleted)
        print("exits", [worker.exits for worker in running.workers])
        assert set(await running.stop()) <= {0, -15}  # one that was only just started knows no signals yet
    await bench.check_sums()
    index, marks = await bench.index(), await bench.items()
    assert {item for item, row in marks.items() if row.deleted is not None} == deleted
    assert index.keys() == {item for item, row in marks.items() if row.deleted is None}
    assert sum(row.exposures for row in (await bench.clusters()).values()) == counts.total()


async def until_processed(bench: Bench, deleted: set[str]) -> None:
    """Wait until the last deletions have had their effect."""

    async def marked() -> bool:
        return {item for item, row in (await bench.items()).items() if row.deleted is not None} == deleted

    await until(marked, DEADLINE_S, lambda: "deletions are missing")


async def some_progress(bench: Bench, exposures: int) -> None:
    async def counted() -> bool:
        return sum(row.exposures for row in (await bench.clusters()).values()) >= exposures

    await until(counted, DEADLINE_S, lambda: "no progress")


async def complete(bench: Bench, running: Fleet, counts: Counter[str], deadline_s: float = DEADLINE_S) -> None:
    """Wait until every exposure is counted, where it belongs."""
    seen: dict[str, int] = {}

    async def counted() -> bool:
        nonlocal seen
        seen = {item: row.exposures for item, row in (await bench.index()).items() if row.exposures}
        return sum(seen.values()) >= counts.total()

    await until(counted, deadline_s, lambda: f"{sum(seen.values())} of {counts.total()}, {running.workers[0].exits}")
    assert seen == dict(counts)
