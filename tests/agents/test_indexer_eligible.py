"""The scanner leaves items that are not offered where they are."""

import asyncio
from pathlib import Path

import pytest

from schemas.settings import Settings
from tests.agents.index_bench import CONFIG, RUN, Bench
from tests.tables.chaos import Worker, until

DEADLINE_S = 30
SCAN_S = 1.0
ITEMS = {f"{name}-{n}": {"category": category} for n in range(10) for name, category in (("fits", "c1"), ("not", "c2"))}


@pytest.mark.timeout(120)
async def test_items_of_other_attributes_are_not_scanned(settings_with_topics: Settings, tmp_path: Path) -> None:
    bench = Bench(settings_with_topics)
    bench.learn(list(ITEMS))
    await bench.publish_model()
    environment = bench.environment(tmp_path, scan_interval_s=SCAN_S) | {"SVQ_ELIGIBLE__WHERE": '{"category": "c1"}'}
    worker = Worker(RUN, environment)
    try:
        await bench.publish(ITEMS)
        placed: dict[str, int] = {}

        async def all_filed() -> bool:
            placed.update({item: row.clusters[0] for item, row in (await bench.index()).items()})
            return len(placed) == len(ITEMS) and min(placed.values()) >= 0

        await until(all_filed, DEADLINE_S, lambda: f"filed: {placed}")
        elsewhere = {item: (cluster + 1) % int(CONFIG.codes) for item, cluster in placed.items()}
        await bench.assign(bench.block(dict.fromkeys(ITEMS, 1), elsewhere, bench.version))
        now: dict[str, int] = {}

        async def back() -> bool:
            rows = await bench.index()
            now.update({item: row.clusters[0] for item, row in rows.items() if row.exposures})
            return all(now.get(item) == placed[item] for item in ITEMS if item.startswith("fits"))

        await until(back, DEADLINE_S, lambda: f"stand at {now}")
        await asyncio.sleep(3 * SCAN_S)
        await back()
        assert {item: now[item] for item in ITEMS if item.startswith("not")} == {
            item: elsewhere[item] for item in ITEMS if item.startswith("not")
        }
        assert await asyncio.to_thread(worker.stop) == 0
    finally:
        worker.end()
