"""A server that was paused for longer than Kafka keeps deletions reads everything anew, and answers all the while."""

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
from schemas.errors import InvariantError
from schemas.settings import Settings
from tests.serving.conftest import DEADLINE_S, publish, running, until
from tests.serving.world import World
from tests.tables.kafka_state import alter_topic, lose_beginning

TOMBSTONES_S = 24.0
PAUSE_S = 13.0  # more than the half of that


@pytest.mark.timeout(240)
async def test_a_server_that_slept_too_long_goes_on_and_is_right_again(world: World, server_settings: Settings) -> None:
    topics, bootstrap = server_settings.topics, server_settings.kafka.bootstrap_servers
    await publish(server_settings, world.everything())
    for topic in (topics.item_index_changelog, topics.histories_changelog, topics.parameters):
        kept = {"cleanup_policy": "compact", "delete_retention_ms": str(int(TOMBSTONES_S * 1000))}
        await alter_topic(bootstrap, topic, **kept, min_compaction_lag_ms="0")
    async with server(server_settings) as (process, client):
        await until(lambda: answers(client), "the process answers", deadline_s=90)
        process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        world.train(1)
        gone = [(topics.item_index_changelog, b"i7", None), (topics.histories_changelog, b"u1", None)]
        await publish(server_settings, [*gone, *world.version_records()])
        await asyncio.sleep(PAUSE_S - (time.monotonic() - stopped))  # the pause is what is tested
        process.send_signal(signal.SIGCONT)

        async def right_again() -> bool:
            assert process.returncode is None
            assert (await client.get("/readyz")).status_code == 200
            answer = (await client.post("/v1/retrieve", json={"user_id": "u1"})).json()
            assert answer["returned"] == 20, "it answers all the while"
            stats = (await client.get("/v1/stats")).json()
            there = [(await client.get(f"/v1/items/{item}")).json()["retrievable"] for item in ("i7", "i8")]
            return (there, stats["users"], stats["version"]) == ([False, True], len(world.users) - 1, world.number)

        await until(right_again, "what was deleted meanwhile is gone, and the last version is served", deadline_s=60)
        assert "svq_replica_readings_total 0.0" not in (await client.get("/metrics")).text
        readiness = (await client.get("/readyz")).json()
        assert (readiness["waiting_for"], readiness["remaining"]) == ([], 0)


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
