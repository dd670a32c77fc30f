"""A server over a large index: how long it takes to be ready, how many queries it answers, how much it holds."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Final

import msgspec
import psutil
from aiokafka import TopicPartition

from benchmarks.restore import read_raw
from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, Spread
from infra.ports import free_port
from infra.readiness import readiness
from infra.speed.load import Loaded, get, load, post
from infra.speed.made_topics import Made, topics_of, write_retriever
from infra.speed.process import running
from schemas.kafka import KafkaSettings
from schemas.topics import Topics

CODES: Final = 16_384
CONNECTIONS: Final = (1, 8, 64)
K, CANDIDATES, USERS = 100, 2_000, 5_000
READY_S: Final = 300.0
POLL_S: Final = 0.02


def measure(conditions: Conditions) -> list[Figure]:
    """One server, 1 M items; 200,000 in the quick form."""
    items, seconds = (200_000, 3.0) if conditions.quick else (1_000_000, 10.0)
    return asyncio.run(of_size(conditions, items, seconds))


async def of_size(conditions: Conditions, items: int, seconds: float) -> list[Figure]:
    """So many items, and so long at each number of connections."""
    kafka = KafkaSettings(
        bootstrap_servers=conditions.bootstrap(), prefix=f"bench-{uuid.uuid4().hex[:8]}", partitions=1
    )
    topics = Topics(kafka.prefix)
    async with topics_of(kafka) as connection:
        with _server(kafka, conditions.folder) as (empty, port):
            await asyncio.to_thread(_until_ready, port, empty)
            before, empty_s = empty.memory_info().rss, time.time() - empty.create_time()
        made = await write_retriever(connection, topics, items, CODES)
        changelogs = (topics.items_changelog, topics.item_index_changelog, topics.clusters_changelog, topics.parameters)
        raw_s = [(await read_raw(connection, [TopicPartition(one, 0) for one in changelogs]))[0] for _ in range(3)]
        with _server(kafka, conditions.folder) as (server, port):
            await asyncio.to_thread(_until_ready, port, server)
            ready_s, cpu = time.time() - server.create_time() - empty_s, server.cpu_times()
            held = server.memory_info().rss - before
            figures = await asyncio.to_thread(_queries, port, seconds, made)
    return [
        _restored(made, ready_s, cpu.user + cpu.system, raw_s),
        Figure(
            "server_memory_vs_arrays",
            f"a server's memory, {items:,} items with features, attributes and ids",
            "what an item takes as JSON in Kafka",
            "bytes an item",
            Spread.once(held / items),
            Spread.once(made.bytes / items),
            made.bytes / held,
            {"items": items, "codes": CODES},
        ),
        *figures,
    ]


def _restored(made: Made, ready_s: float, cpu_s: float, raw_s: list[float]) -> Figure:
    raw = Spread.of(raw_s)
    return Figure(
        "restore_server_vs_getmany",
        f"a server from its start to its first answer, {made.items:,} items, less what an empty one takes",
        "reading the same records with aiokafka alone",
        "s",
        Spread.once(ready_s),
        raw,
        raw.p50 / ready_s,
        {"items": made.items, "records": made.records, "cpu_s": round(cpu_s, 2), "records_a_s": made.records / ready_s},
    )


def _queries(port: int, seconds: float, made: Made) -> list[Figure]:
    bodies = (
        {"user_id": f"user-{n}", "features": {"country": "DE"}, "k": K, "candidates": CANDIDATES} for n in range(USERS)
    )
    questions = cycle([post("/v1/retrieve", msgspec.json.encode(body)) for body in bodies])
    bare = get("/healthz")
    load(port, lambda: next(questions), 1, seconds)  # the vectors of the version in force are computed when asked for
    figures = []
    for connections in CONNECTIONS:
        answered = load(port, lambda: next(questions), connections, seconds)
        pinged = load(port, lambda: bare, connections, seconds)
        figures += _figures(connections, answered, pinged, made)
    return figures


def _figures(connections: int, answered: Loaded, pinged: Loaded, made: Made) -> list[Figure]:
    settings = {"items": made.items, "codes": made.codes, "k": K, "candidates": CANDIDATES, "connections": connections}
    what = f"POST /v1/retrieve, {K} of {CANDIDATES:,} of {made.items:,} items, {connections} connections"
    ours, theirs = Spread.of(answered.seconds_r, 1000), Spread.of(pinged.seconds_r, 1000)
    rival = "GET /healthz of the same server"
    return [
        Figure(
            f"http_{connections}_vs_bare_endpoint", what, rival, "ms", ours, theirs, theirs.p50 / ours.p50, settings
        ),
        Figure(
            f"http_{connections}_rate_vs_bare_endpoint",
            what,
            rival,
            "queries/s",
            Spread.once(answered.rate),
            Spread.once(pinged.rate),
            answered.rate / pinged.rate,
            settings,
        ),
    ]


@contextmanager
def _server(kafka: KafkaSettings, folder: Path) -> Iterator[tuple[psutil.Popen, int]]:
    port = free_port()
    with running(kafka, "server", folder, {"SVQ_SERVER__PORT": str(port)}) as server:
        yield server, port


def _until_ready(port: int, server: psutil.Process) -> None:
    end = time.monotonic() + READY_S
    while not readiness(f"http://127.0.0.1:{port}")[0]:
        if not server.is_running() or time.monotonic() > end:
            raise RuntimeError(f"the server is not ready after {READY_S:g} s")
        time.sleep(POLL_S)
