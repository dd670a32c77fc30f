"""How long until an event has its effect on answers, under load, beside an index that is rebuilt all the time."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import faiss
import msgspec
import numpy as np

from benchmarks.speed.assign import DIM, unit
from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, Spread
from infra.load.api import Item
from infra.load.driver import now_ms
from infra.load.world import TASK
from infra.soak.options import Options
from infra.soak.stand import Stand, beside, on_stand, running_stack

LOADS: Final = (("idle", 0.0), ("half", 0.5), ("full", 1.0))
CANDIDATES: Final = 2_000.0
"""A second, with any load."""
PROBES: Final = 16
PAUSE_S: Final = 0.1
LOOK_S: Final = 0.004
GIVE_UP_S: Final = 30.0
TICK_S: Final = 0.02
LISTS_A_ROOT: Final = 4


def measure(conditions: Conditions) -> list[Figure]:
    """A stack of its own with 20,000 items, 5,000 in the quick form."""
    items, seconds = (5_000, 12.0) if conditions.quick else (20_000, 60.0)
    options = Options(items=items, users=10_000, calibrate_s=15.0 if conditions.quick else 40.0)
    folder = conditions.folder / "immediacy"
    folder.mkdir()
    with running_stack(options, folder, conditions.say) as stack:
        return asyncio.run(_measure(options, stack, seconds, conditions))


async def _measure(options: Options, stack: Any, seconds: float, conditions: Conditions) -> list[Figure]:
    rebuilt = _rebuild_seconds(options.items)
    figures: list[Figure] = []
    async with on_stand(options, stack, conditions.say) as stand:
        await stand.calibrate(options.calibrate_s)
        probes = Probes(stand)
        await probes.open()
        for name, share in LOADS:
            rate = share * stand.greatest_rate
            conditions.say(f"{name}: {rate:,.0f} exposures and {CANDIDATES * bool(share):,.0f} candidates a second")
            probes.begin()
            load = [stand.driver.publish(seconds, rate, patient=False), _candidates(stand)] if share else []
            async with beside(*load, probes.candidates(), probes.exposures()):
                await asyncio.sleep(seconds)
            await stand.wire.until_learned()
            settings = {"exposures_a_s": rate, "candidates_a_s": CANDIDATES * bool(share), "items": options.items}
            figures += probes.figures(name, rebuilt, settings)
    return figures


async def _candidates(stand: Stand) -> None:
    """Items that are published again, so many a second."""
    world, loop = stand.driver.world, asyncio.get_running_loop()
    numbers, begun, sent = itertools.cycle(world.on_offer), loop.time(), 0
    while True:
        while sent < (loop.time() - begun) * CANDIDATES:
            item = world.item_id(next(numbers))
            await stand.wire.candidate(item, world.candidate(item, now_ms()))
            sent += 1
        await asyncio.sleep(TICK_S)


@dataclass(slots=True)
class _Delays:
    candidate: list[float]
    exposure: list[float]


class Probes:
    """Items of their own, published and exposed now and then and watched over HTTP until the server shows it."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._delays = _Delays([], [])
        self._shown = dict.fromkeys((f"probe-{n}" for n in range(PROBES)), 0)

    def begin(self) -> None:
        """Forget what was measured."""
        self._delays = _Delays([], [])

    async def open(self) -> None:
        """Publish them, and let each be exposed once."""
        for item in self._shown:
            await self._publish(item)
        await self._stand.wire.flush()

    async def candidates(self) -> None:
        """Until cancelled: one is published again, and watched until it is retrievable as published last."""
        for item in itertools.cycle(self._shown):
            begun, published = time.perf_counter(), await self._publish(item)
            await self._until(item, lambda view: view.retrievable and view.published == published)  # noqa: B023
            self._delays.candidate.append(time.perf_counter() - begun)
            await asyncio.sleep(PAUSE_S)

    async def exposures(self) -> None:
        """Until cancelled: one is exposed, and watched until its row counts that and is retrievable."""
        for item in itertools.cycle(self._shown):
            self._shown[item] += 1
            count, begun = self._shown[item], time.perf_counter()
            event = {"user_id": "probe", "item_id": item, "timestamp": now_ms(), "labels": {TASK: 1}}
            await self._stand.wire.exposures("probe", msgspec.json.encode([event]), 1)
            await self._until(item, lambda view: view.retrievable and (view.exposures or 0) >= count)  # noqa: B023
            self._delays.exposure.append(time.perf_counter() - begun)
            await asyncio.sleep(PAUSE_S)

    def figures(self, load: str, rebuilt: dict[str, float], settings: dict[str, Any]) -> Iterator[Figure]:
        """What was measured since `begin`."""
        name, build_s = min(rebuilt.items(), key=lambda entry: entry[1])
        theirs = Spread(1500 * build_s, 1950 * build_s, 1990 * build_s)
        for kind, delays in (("candidate", self._delays.candidate), ("exposure", self._delays.exposure)):
            what = "candidate to retrievable" if kind == "candidate" else "exposure to filed anew"
            ours = Spread.of(delays or [GIVE_UP_S], 1000)
            yield Figure(
                f"{kind}_age_vs_rebuild_{load}",
                f"{what}, {load} load",
                f"best possible age in an index of {name} that is rebuilt all the time",
                "ms",
                ours,
                theirs,
                theirs.p50 / ours.p50,
                settings | {"rebuild_s": rebuilt},
            )

    async def _publish(self, item: str) -> int:
        published = now_ms()
        event = {"item_id": item, "timestamp": published, "features": {"category": ["kind-1"], "price": 2.0}}
        await self._stand.wire.candidate(item, msgspec.json.encode(event))
        return published

    async def _until(self, item: str, seen: Any) -> None:
        end = time.perf_counter() + GIVE_UP_S
        while time.perf_counter() < end:
            view: Item | None = await self._stand.driver.server.item(item)
            if view is not None and seen(view):
                return
            await asyncio.sleep(LOOK_S)


def _rebuild_seconds(items: int) -> dict[str, float]:
    """Of a graph and of inverted files over so many vectors that are there already, in one thread."""
    threads, vectors = faiss.omp_get_max_threads(), unit(np.random.default_rng(0), items)
    faiss.omp_set_num_threads(1)
    lists = round(LISTS_A_ROOT * items**0.5)
    centroids = faiss.IndexFlatL2(DIM)  # the index holds no reference of its own
    builds = {
        "faiss HNSW": faiss.IndexHNSWFlat(DIM, 16, faiss.METRIC_L2),
        "faiss IVF": faiss.IndexIVFFlat(centroids, DIM, lists, faiss.METRIC_L2),
    }
    seconds = {}
    for name, index in builds.items():
        began = time.perf_counter()
        index.train(vectors)
        index.add(vectors)
        seconds[name] = time.perf_counter() - began
    faiss.omp_set_num_threads(threads)
    return seconds
