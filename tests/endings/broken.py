"""Many workers that are broken on purpose, some at a time, and how each of them ended."""

import asyncio
import random
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from aiokafka import AIOKafkaProducer
from streamvq_client.rows import ItemRow, encode

from infra.topics import create_topics
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from tests.agents.index_bench import Bench
from tests.agents.trainer_process import SMALL, events_of
from tests.agents.trainer_process import publish as publish_exposures
from tests.endings.forked import changed, forked

AT_ONCE = 4
SEED = 5


class Case(NamedTuple):
    """What is broken in which worker, and by which words of the last line it should be known."""

    role: str
    sabotage: str
    words: str
    limits: dict[str, float] = {}  # noqa: RUF012 - never changed
    asked: str = ""


class Outcome(NamedTuple):
    """How a worker ended."""

    code: int | None
    last: dict[str, Any]
    log: str
    seconds: float


def outcomes(bootstrap: str, folder: Path, cases: Sequence[Case]) -> dict[str, Outcome]:
    """Run them all, each under a prefix of its own."""

    def one(case: Case) -> tuple[str, Outcome]:
        kafka = KafkaSettings(bootstrap_servers=bootstrap, prefix=f"t{uuid.uuid4().hex[:10]}", partitions=2)
        own = folder / case.sabotage
        own.mkdir()
        return case.sabotage, run(Settings(data=own, kafka=kafka, model=SMALL), case)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(pool.map(one, cases))


def run(settings: Settings, case: Case) -> Outcome:
    """Events first, so that there is something to do; then the worker."""
    asyncio.run(feed(settings, case.role))
    own: dict[str, Any] = dict(case.limits)
    own |= {"port": 0} if case.role == "server" else {"metrics_port": 0}
    with forked(case.role, changed(settings, case.role, **own), case.sabotage) as process:
        if case.asked:
            if case.role == "server":
                process.until_ready()
            ask(f"{process.url()}{case.asked}")
        code = process.ended()
        last = process.lines("stopped")
        return Outcome(code, last[0] if last else {}, process.log, time.monotonic() - process.began)


def ask(url: str) -> None:
    """A request that is not answered, for the process ends instead."""
    try:
        response = httpx.post(url, json={}, timeout=30) if url.endswith("retrieve") else httpx.get(url, timeout=30)
    except httpx.TransportError:
        return
    raise AssertionError(f"{url} was answered: {response.text}")


async def feed(settings: Settings, role: str) -> None:
    """Topics, and something in each that somebody reads."""
    await create_topics(settings)
    bench = Bench(settings)
    await bench.publish({f"i{number}": {"category": "c1"} for number in range(4)})
    await publish_exposures(settings, events_of(random.Random(SEED), 10))  # noqa: S311
    if role == "indexer":
        return  # rows without offsets would be lost offsets
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers)
    await producer.start()
    try:
        await producer.send_and_wait(settings.topics.items_changelog, encode(ItemRow({}, {}, 1)), b"i0")
    finally:
        await producer.stop()
