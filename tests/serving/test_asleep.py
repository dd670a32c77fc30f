"""A server that was paused for longer than Kafka keeps deletions notices when it wakes, and reads everything anew."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from aiokafka import TopicPartition

from infra.ports import free_port
from schemas.errors import InvariantError, UnreachableError
from schemas.settings import Settings
from tests.serving.conftest import DEADLINE_S, publish, running, until
from tests.serving.world import World
from tests.tables.kafka_state import alter_topic, lose_beginning

TOMBSTONES_S = 24.0
PAUSE_S = 13.0  # more than the half of that


@pytest.mark.timeout(240)
async def test_a_server_that_slept_too_long_ends_and_is_right_when_started_again(
    world: World, server_settings: Settings
) -> None:
    topics = server_settings.topics
    await publish(server_settings, world.everything())
    await alter_topic(
        server_settings.kafka.bootstrap_servers,
        topics.item_index_changelog,
        cleanup_policy="compact",
        delete_retention_ms=str(int(TOMBSTONES_S * 1000)),
    )
    async with server(server_settings) as (process, client):
        await until(lambda: answers(client), "the process answers", deadline_s=90)
        process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        await publish(server_settings, [(topics.item_index_changelog, b"i7", None)])
        await asyncio.sleep(PAUSE_S - (time.monotonic() - stopped))  # the pause is what is tested
        process.send_signal(signal.SIGCONT)
        _, said = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    assert process.returncode == UnreachableError.exit_code
    assert b"asleep or busy" in said
    assert b"read anew" in said
    async with running(server_settings) as again:
        await again.ready()
        assert (await again.client.get("/v1/items/i8")).json()["retrievable"]
        assert not (await again.client.get("/v1/items/i7")).json()["retrievable"]


async def test_a_table_without_its_beginning_ends_the_server(world: World, server_settings: Settings) -> None:
    await publish(server_settings, world.everything())
    items = TopicPartition(server_settings.topics.items_changelog, 0)
    await lose_beginning(server_settings.kafka.bootstrap_servers, items, before=2)
    async with running(server_settings) as server:
        with pytest.raises(InvariantError, match=r"records 0 to 1 .*svq topics create"):
            await asyncio.wait_for(asyncio.shield(server.task), DEADLINE_S)


@asynccontextmanager
async def server(settings: Settings) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    port = free_port()
    told = {
        "SVQ_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "SVQ_KAFKA__PREFIX": settings.kafka.prefix,
        "SVQ_SERVER__PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "infra.cli", "server", env=os.environ | told, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S) as client:
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
