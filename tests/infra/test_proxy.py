"""A network that is slow, silent or cut: for bytes, and for one of two trainers."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from infra.broker import EmbeddedBroker
from infra.broker_files import HOST, Detour
from infra.chaos.link import CHUNK, CHUNKS, end
from infra.chaos.proxy import Kind, Proxy, Trouble
from infra.ports import free_ports
from infra.topics import create_topics
from schemas.errors import FencedError
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from tests.agents.trainer_process import (
    DEADLINE_S,
    counted,
    events_of,
    publish,
    small,
    started,
    until_learnt,
    until_said,
)

DELAY_S = 0.2
SILENCE_S = 0.3
READ_S = 10.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def detour() -> Detour:
    return Detour(*free_ports(2))


@asynccontextmanager
async def echoing(port: int) -> AsyncIterator[None]:
    """A server that sends back what it gets; whoever still talks to it is cut off in the end."""
    writers: set[asyncio.StreamWriter] = set()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                writer.write(data)
                await writer.drain()

    async with await asyncio.start_server(echo, HOST, port):
        yield
    await asyncio.gather(*map(end, writers))


@asynccontextmanager
async def connected(way: Detour) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection(HOST, way.advertised)
    try:
        yield reader, writer
    finally:
        await end(writer)


async def back(streams: Streams, data: bytes) -> bytes:
    """What comes back of it."""
    streams[1].write(data)
    return await asyncio.wait_for(streams[0].readexactly(len(data)), READ_S)


async def test_bytes_are_late_held_or_cut_and_arrive_whole(proxied: Streams, proxy: Proxy, way: Detour) -> None:
    loop = asyncio.get_running_loop()
    with proxy.trouble(Trouble("delay", delay_s=DELAY_S)):
        begun = loop.time()
        assert await back(proxied, b"late") == b"late"
        assert loop.time() - begun >= 2 * DELAY_S, "there and back"
    much = random.Random(1).randbytes(4 * CHUNK * CHUNKS)  # noqa: S311
    with proxy.trouble(Trouble("drop")):
        coming = asyncio.create_task(back(proxied, much))
        await asyncio.wait({coming}, timeout=SILENCE_S)
        assert not coming.done()
    assert await coming == much
    with proxy.trouble(Trouble("cut")):
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await back(proxied, b"gone")
        async with connected(way) as fresh:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await back(fresh, b"gone")
    async with connected(way) as again:
        assert await back(again, b"here") == b"here"


@pytest.mark.parametrize("kind", ["cut", "drop"])
async def test_only_the_process_that_is_meant_has_trouble(proxied: Streams, proxy: Proxy, kind: Kind) -> None:
    with proxy.trouble(Trouble(kind, pid=os.getppid)), proxy.trouble(Trouble(kind, pid=lambda: None)):
        assert await back(proxied, b"not ours") == b"not ours"
    with proxy.trouble(Trouble(kind, pid=os.getpid)):
        coming = asyncio.create_task(back(proxied, b"ours"))
        await asyncio.wait({coming}, timeout=SILENCE_S)
        assert not coming.done() or coming.exception() is not None
        coming.cancel()


@pytest.fixture
def way() -> Detour:
    return detour()


@pytest.fixture
async def proxy(way: Detour) -> AsyncIterator[Proxy]:
    async with echoing(way.listens):
        with Proxy([way]) as running:
            yield running


@pytest.fixture
async def proxied(way: Detour, proxy: Proxy) -> AsyncIterator[Streams]:
    async with connected(way) as streams:
        yield streams


@pytest.mark.timeout(240)
async def test_a_trainer_that_is_cut_off_is_replaced_and_ends(tmp_path: Path, prefix: str) -> None:
    """Bytes that it sent before arrive after another one has taken over: they must have no effect."""
    way, records = detour(), events_of(random.Random(9), 300)  # noqa: S311
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker(tmp_path / "broker", detour=way))
        proxy = stack.enter_context(Proxy([way]))
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap, prefix=prefix, partitions=2)
        straight = small(Settings(data=tmp_path, kafka=kafka), "straight")
        behind = small(Settings(data=tmp_path, kafka=kafka.model_copy(update={"bootstrap_servers": proxy.bootstrap})))
        await create_topics(straight)
        first = stack.enter_context(started(behind))
        await publish(straight, records[:100])
        await until_learnt(first, straight, 640)
        second = stack.enter_context(started(straight))
        await until_said(second, "standing by")
        await publish(straight, records[100:200])
        with proxy.trouble(Trouble("drop", pid=lambda: first.pid)):  # while it learns these
            await until_said(second, "shard ready")
        assert first.wait(DEADLINE_S) == FencedError.exit_code, first.log
        await publish(straight, records[200:])
        await until_learnt(second, straight, 20 * len(records))
        assert second.stop() == 0, second.log
        assert await counted(straight) == Counter(event["item_id"] for _, events in records for event in events)
