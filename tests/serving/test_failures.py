"""What goes wrong says so: to callers as problem+json, to operators as the error that ends the process."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from schemas.errors import InvariantError, ResourceError, TopicsError
from schemas.http import Problem
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from schemas.workers import ServerSettings
from serving.main import main
from tests.serving.conftest import DEADLINE_S, publish, running, until
from tests.serving.world import World

PROBLEM = TypeAdapter(Problem)
LONG = "x" * 257


def problem(response: httpx.Response) -> Problem:
    assert response.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in response.text
    found = PROBLEM.validate_json(response.content, strict=True)
    assert found.status == response.status_code
    assert found.detail
    assert found.remedy
    return found


def nested(levels: int) -> dict[str, Any]:
    part: dict[str, Any] = {"attribute": "a", "eq": 1}
    for _ in range(levels):
        part = {"not": part}
    return part


BAD_QUERIES: list[tuple[Any, str, str]] = [
    ({"k": 0}, "invalid_request", "k:"),
    ({"k": 1001}, "invalid_request", "k:"),
    ({"k": "many"}, "invalid_request", "k:"),
    ({"k": 400}, "k_too_large", "400"),
    ({"candidates": 5001}, "too_many_candidates", "5001"),
    ({"user_id": LONG}, "invalid_request", "user_id: an id has 1 to 256 bytes"),
    ({"user_id": ""}, "invalid_request", "user_id"),
    ({"history": [LONG]}, "invalid_request", "history.0"),
    ({"history": ["a"] * 1001}, "invalid_request", "history"),
    ({"exclude": ["a"] * 10_001}, "invalid_request", "exclude"),
    ({"usr_id": "u1"}, "invalid_request", "usr_id"),
    ({"tasks": {"buy": 1}}, "unknown_task", "buy"),
    ({"tasks": {"click": 0}}, "no_task", "weight"),
    ({"features": {"country": ["a"]}}, "feature_type", "country"),
    ([], "invalid_request", "body"),
    ({"k": 1_000_000}, "invalid_request", "k:"),
    ({"quotas": [{"most": 0}]}, "invalid_request", "quotas.0.most"),
    ({"quotas": [{"most": 1}] * 5}, "invalid_request", "quotas"),
    *(
        ({"filter": wrong}, "invalid_request", detail)
        for wrong, detail in [
            ({}, "filter: a filter is an object with `and`, `or` or `not`"),
            ({"attribute": "a"}, "filter: a filter is an object with"),
            ([], "filter: a filter is an object with"),
            ({"attribute": "a", "equals": 1}, "filter: a filter is an object with"),
            ({"attribute": "a", "eq": None}, "a value is a text, a number, true or false; for items without one ask"),
            ({"attribute": "a", "eq": {"b": 1}}, "a value is a text"),
            ({"attribute": "a", "eq": 2**63}, "an integer has at most 64 bits"),
            ({"attribute": "a", "eq": "x" * 1025}, "a text has at most 1024 characters"),
            ({"attribute": "a", "eq": 1, "lt": 2}, "Extra inputs"),
            ({"attribute": "a", "gt": "1"}, "a bound is a number"),
            ({"attribute": "a", "in": []}, "at least 1"),
            ({"attribute": "a", "in": [1] * 1001}, "at most 1000"),
            ({"attribute": "a", "exists": "yes"}, "boolean"),
            ({"attribute": LONG, "eq": 1}, "256"),
            ({"and": []}, "at least 1"),
            ({"or": [{"attribute": "a", "eq": 1}] * 65}, "at most 64"),
            ({"and": [{"or": [{"attribute": "a", "eq": 1}] * 60}] * 2}, "a filter may have 64 conditions, not 120"),
            (nested(8), "a filter may be nested 8 deep"),
            (nested(400), "a filter may be nested 8 deep"),
        ]
    ),
]


async def test_bad_requests_are_told_what_to_do(world: World, server_settings: Settings) -> None:
    await publish(server_settings, world.everything())
    limited = server_settings.model_copy(update={"server": ServerSettings(port=0, max_k=300, max_batch=3)})
    async with running(limited) as server:
        await server.ready()
        for body, code, detail in BAD_QUERIES:
            found = problem(await server.client.post("/v1/retrieve", json=body))
            assert (found.status, found.code) == (422, code), body
            assert detail in found.detail
        found = problem(await server.client.post("/v1/retrieve/batch", json={"queries": [{}] * 4}))
        assert found.code == "batch_too_large"
        assert problem(await server.client.post("/v1/retrieve/batch", json={"queries": []})).code == "invalid_request"
        assert (await server.ask(filter=nested(7)))["warnings"][0]["code"] == "unknown_attribute"
        await check_paths(server.client)
        await check_bodies(server.client)
        assert (await server.ask(user_id="u1"))["returned"] == 20


async def check_paths(client: httpx.AsyncClient) -> None:
    assert problem(await client.get("/v1/items/nobody")).code == "no_such_item"
    assert problem(await client.get("/v1/clusters/4000")).code == "no_such_cluster"
    assert problem(await client.get("/v1/clusters/4000/items")).code == "no_such_cluster"
    assert problem(await client.get("/v1/clusters/7/items?task=buy")).code == "unknown_task"
    assert problem(await client.get("/v1/items/nobody/similar")).code == "no_such_item"
    assert problem(await client.get("/v1/items/i1/similar?k=0")).code == "invalid_request"
    assert problem(await client.get("/v1/items/i1/similar?k=400")).code == "k_too_large"
    assert problem(await client.get("/v1/users/nobody")).code == "no_such_user"
    assert problem(await client.get("/v1/tables/items/nobody")).code == "no_such_row"
    assert problem(await client.get("/v1/tables/tables/nobody")).code == "invalid_request"
    assert problem(await client.post("/v1/clusters/nearest", json={"limit": 0})).code == "invalid_request"
    assert problem(await client.get("/v1/clusters/first")).code == "invalid_request"
    assert problem(await client.get("/v1/clusters", params={"limit": 0})).code == "invalid_request"
    assert problem(await client.get("/nothing/here")).code == "no_such_path"
    assert problem(await client.get("/v1/clusters/")).code == "no_such_path"
    assert problem(await client.get("/v1/retrieve")).code == "method_not_allowed"


async def check_bodies(client: httpx.AsyncClient) -> None:
    async def dripping() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    headers = {"content-type": "application/json"}
    whole = await client.post("/v1/retrieve", content=b" " * 2_000_000, headers=headers)
    assert problem(whole).code == "body_too_large"
    assert problem(await client.post("/v1/retrieve", content=dripping(), headers=headers)).code == "body_too_large"
    assert problem(await client.post("/v1/retrieve", content=b'{"k": ', headers=headers)).code == "not_json"
    for unreadable in (b"\xff\xfe", b"[" * 50_000, b"9" * 5000):
        assert problem(await client.post("/v1/retrieve", content=unreadable, headers=headers)).code == "not_json"


async def test_an_answer_that_takes_too_long_is_given_up(world: World, server_settings: Settings) -> None:
    await publish(server_settings, world.everything())
    hasty = server_settings.model_copy(update={"server": ServerSettings(port=0, request_deadline_ms=1)})
    async with running(hasty) as server:
        await server.ready()
        questions = {"queries": [{"k": 300, "explain": True}] * 200}
        assert problem(await server.client.post("/v1/retrieve/batch", json=questions)).code == "too_slow"


async def test_until_everything_is_read_the_server_says_what_it_waits_for(server_settings: Settings) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        nowhere = KafkaSettings(bootstrap_servers=f"127.0.0.1:{silent.getsockname()[1]}", prefix="t")
        async with running(server_settings.model_copy(update={"kafka": nowhere})) as server:
            response = await server.client.get("/readyz")
            assert response.status_code == 503
            assert response.json()["waiting_for"] == [f"Kafka at {nowhere.bootstrap_servers}"]
            found = problem(await server.client.post("/v1/retrieve", json={}))
            assert (found.status, found.code) == (503, "not_ready")
            assert nowhere.bootstrap_servers in found.detail
            assert problem(await server.client.get("/v1/items/a")).code == "not_ready"
            assert (await server.client.get("/healthz")).json() == {"alive": True}
            assert (await server.client.get("/v1/stats")).json()["items"] == 0
            assert "svq_ready 0.0" in (await server.client.get("/metrics")).text


async def test_missing_topics_end_the_server(settings: Settings) -> None:
    lonely = settings.model_copy(update={"server": ServerSettings(port=0)})
    async with running(lonely) as server:
        with pytest.raises(TopicsError, match="svq topics create"):
            await asyncio.wait_for(asyncio.shield(server.task), DEADLINE_S)


async def test_a_record_that_no_worker_writes_ends_the_server(world: World, server_settings: Settings) -> None:
    topic = server_settings.topics.item_index_changelog
    await publish(server_settings, [*world.everything(), (topic, b"i1", b"not a row")])
    async with running(server_settings) as server:
        with pytest.raises(InvariantError, match=topic):
            await asyncio.wait_for(asyncio.shield(server.task), DEADLINE_S)


def test_a_port_in_use_is_said_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ResourceError, match=f"cannot listen at 127.0.0.1:{port}.*SVQ_SERVER__PORT"):
            main(Settings(server=ServerSettings(port=port)))


async def test_the_process_ends_in_peace_when_told_to(world: World, server_settings: Settings) -> None:
    await publish(server_settings, world.everything())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {
        "SVQ_KAFKA__BOOTSTRAP_SERVERS": server_settings.kafka.bootstrap_servers,
        "SVQ_KAFKA__PREFIX": server_settings.kafka.prefix,
        "SVQ_SERVER__PORT": str(port),
    }
    code = "from schemas.settings import load_settings; from serving.main import main; main(load_settings())"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=os.environ | told)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S) as client:

            async def ready() -> bool:
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready, "the process answers", deadline_s=60)
            answer = (await client.post("/v1/retrieve", json={"user_id": "u1"})).json()
            assert answer["returned"] == 20
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
