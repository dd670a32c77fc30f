"""A server in this process, answering at a real socket from a real Kafka."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from pydantic import TypeAdapter
from streamvq_client.partitioner import partition_of

from schemas.errors import StreamVQError
from schemas.http import Answer
from schemas.kafka import connection
from schemas.settings import Settings
from schemas.topics import Topics
from schemas.workers import ServerSettings
from serving.main import listen
from serving.service import compile_loops, serve
from tests.serving.world import World, Written

ANSWER = TypeAdapter(Answer)
DEADLINE_S = 20.0


async def until(condition: Callable[[], Awaitable[Any]], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """The first true result of the condition, asked again and again."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        result = await condition()
        if result:
            return result
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {deadline_s} s: {what}")


async def publish(settings: Settings, written: Iterable[Written]) -> None:
    """Write records where trainer and indexers would have."""
    single = {settings.topics.parameters}
    producer = AIOKafkaProducer(**connection(settings.kafka), linger_ms=5)
    await producer.start()
    try:
        for topic, key, value in written:
            partition = 0 if topic in single else partition_of(key, settings.kafka.partitions)
            await producer.send(topic, key=key, value=value, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()


class Running:
    """A server that answers, and its task."""

    def __init__(self, client: httpx.AsyncClient, task: "asyncio.Task[None]") -> None:
        self.client = client
        self.task = task

    async def ready(self) -> dict[str, Any]:
        async def asked() -> Any:
            response = await self.client.get("/readyz")
            return response.json() if response.status_code == 200 else None

        return await until(asked, "the server is ready")  # type: ignore[no-any-return]

    async def ask(self, **query: Any) -> dict[str, Any]:
        response = await self.client.post("/v1/retrieve", json=query)
        assert response.status_code == 200, response.text
        ANSWER.validate_json(response.content, strict=True)  # what /docs promises
        body: dict[str, Any] = response.json()
        return body

    async def stats(self) -> dict[str, Any]:
        body: dict[str, Any] = (await self.client.get("/v1/stats")).json()
        return body


@asynccontextmanager
async def running(settings: Settings, trust: ssl.SSLContext | None = None) -> AsyncIterator[Running]:
    """A server of these settings, which is `trust`ed if it has a certificate."""
    compile_loops()
    with listen(settings.server) as listening:
        task = asyncio.create_task(serve(settings, listening))
        address = f"{'https' if trust else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=address, timeout=DEADLINE_S, verify=trust or True) as client:
            try:
                yield Running(client, task)
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError, StreamVQError):  # a test looks at the error itself
                    await task


@pytest.fixture
def server_settings(settings_with_topics: Settings) -> Settings:
    """Settings of this test, with topics, for a server at any free port."""
    return settings_with_topics.model_copy(update={"server": ServerSettings(port=0, version_interval_ms=0)})


@pytest.fixture(scope="session")
def trained_once() -> World:
    world = World(Topics("unused"))
    world.train(30)
    return world


@pytest.fixture
def world(trained_once: World, server_settings: Settings) -> World:
    """A trained world of this test's own."""
    return trained_once.copied(server_settings.topics)
