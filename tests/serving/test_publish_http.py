"""Published over HTTP: what is acknowledged is in Kafka, where any client would have put it, and nothing else is."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter
from streamvq_client.changelog import ChangelogReader
from streamvq_client.partitioner import partition_of
from streamvq_client.record import Record

from schemas.http_publish import Published, PublishProblem
from schemas.kafka import connection
from schemas.service import PublishingSettings
from schemas.settings import Settings
from serving.stream_time import now_ms
from tests.serving.conftest import Running, publish, running, until
from tests.serving.test_failures import problem
from tests.serving.world import World

PUBLISHED = TypeAdapter(Published)
PROBLEM = TypeAdapter(PublishProblem)
LINES = {"content-type": "application/x-ndjson"}


def exposure(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {"user_id": f"u{number}", "item_id": "i1", "timestamp": now_ms(), "labels": {"click": 1}} | changes


def candidate(name: str = "i1", **changes: Any) -> dict[str, Any]:
    return {"item_id": name, "features": {"genre": "g1"}, "attributes": {"title": "Müller"}} | changes


def lines(events: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


async def in_kafka(settings: Settings, topic: str) -> list[Record]:
    """All that the topic holds, each partition in its order."""
    records: list[Record] = []
    async with ChangelogReader(connection(settings.kafka), [topic], shortened=[topic]) as reader:
        while not reader.ready:
            records += await reader.poll()
    return records


def outcome(response: httpx.Response, status: int = 200) -> Published:
    assert response.status_code == status, response.text
    return PUBLISHED.validate_json(response.content)


@pytest.fixture
async def server(server_settings: Settings) -> AsyncIterator[Running]:
    async with running(server_settings) as found:
        await found.ready()
        yield found


async def test_events_are_where_any_client_would_have_put_them(server: Running, server_settings: Settings) -> None:
    client, topics = server.client, server_settings.topics
    one, several = exposure(1), [exposure(n) for n in range(2, 50)]
    rest = [exposure(n, user={"country": "DE"}) for n in range(50, 90)]
    assert outcome(await client.post("/v1/exposures", json=one)).acknowledged == 1
    assert outcome(await client.post("/v1/exposures", json=several)) == Published(48, 0, 0, [])
    assert outcome(await client.post("/v1/exposures", content=lines(rest), headers=LINES)).acknowledged == 40
    found = await in_kafka(server_settings, topics.exposures)
    assert sorted(
        (json.loads(record.value or b"") for record in found), key=lambda event: int(event["user_id"][1:])
    ) == [
        one,
        *several,
        *rest,
    ]
    for record in found:
        assert (record.key or b"").decode() == json.loads(record.value or b"")["user_id"]
        assert record.partition == partition_of(record.key or b"", 2)


async def test_items_come_and_go(server: Running, server_settings: Settings) -> None:
    client = server.client
    assert outcome(await client.post("/v1/candidates", json=[candidate("a/b"), candidate(7)])).acknowledged == 2  # type: ignore[arg-type]
    assert outcome(await client.delete("/v1/items/a%2Fb")).acknowledged == 1
    found = await in_kafka(server_settings, server_settings.topics.candidates)
    assert [(record.key, record.value is None) for record in found if record.key != b"7"] == [
        (b"a/b", False),
        (b"a/b", True),
    ]
    assert [json.loads(record.value or b"") for record in found if record.key == b"7"] == [candidate(7)]  # type: ignore[arg-type]


async def test_what_is_wrong_is_said_event_by_event(world: World, server_settings: Settings) -> None:
    await publish(server_settings, world.everything())
    async with running(server_settings) as server:
        await server.ready()
        wrong = [
            ({"item_id": "i1", "timestamp": now_ms()}, "missing_id"),
            (exposure(timestamp=now_ms() // 1000), "bad_timestamp"),
            (exposure(labels={"buy": 1}), "unknown_task"),
            (exposure(user_id="x" * 257), "too_large"),
            (exposure(labels={"click": "yes"}), "wrong_type"),
            (7, "wrong_type"),
            ([exposure()], "wrong_type"),
        ]
        body = [exposure(1), *(event for event, _ in wrong), exposure(2)]
        found = outcome(await server.client.post("/v1/exposures", json=body), 207)
        assert (found.acknowledged, found.rejected, found.unacknowledged) == (2, len(wrong), 0)
        assert [(error.index, error.code) for error in found.errors] == [
            (index, code) for index, (_, code) in enumerate(wrong, 1)
        ]
        assert "it looks like seconds" in found.errors[1].detail
        for event, code in wrong[:6]:
            refused = await server.client.post("/v1/exposures", json=event)
            assert problem(refused).code == "event_rejected"
            (error,) = PROBLEM.validate_json(refused.content).errors
            assert (refused.status_code, error.index, error.code) == (422, 0, code)
        assert len(await in_kafka(server_settings, server_settings.topics.exposures)) == 2
        exposition = (await server.client.get("/metrics")).text
        assert 'svq_published_events_total{outcome="acknowledged",stream="exposures"} 2.0' in exposition


async def test_bodies_that_hold_no_events(server: Running, server_settings: Settings) -> None:
    client = server.client
    json_type = {"content-type": "application/json"}
    for body in (b"", b"{", b"[{}", b"[NaN]", b'{"a": NaN}', b"\xff", b"{}{}"):
        found = problem(await client.post("/v1/exposures", content=body, headers=json_type))
        assert (found.status, found.code) == (400, "not_json"), body
    deep = await client.post("/v1/exposures", content=b"[" * 50_000, headers=json_type)
    assert "nested too deeply" in problem(deep).detail
    for kind in ("text/plain", "application/xml", ""):
        found = problem(await client.post("/v1/exposures", content=b"{}", headers={"content-type": kind}))
        assert (found.status, found.code) == (415, "unsupported_media_type")
    many = await client.post("/v1/exposures", content=b"[" + b"{}," * 10_000 + b"{}]", headers=json_type)
    assert (problem(many).status, problem(many).code) == (422, "invalid_request")
    assert outcome(await client.post("/v1/exposures", json=[])) == Published(0, 0, 0, [])
    assert problem(await client.delete(f"/v1/items/{'x' * 257}")).code == "invalid_request"
    assert await in_kafka(server_settings, server_settings.topics.exposures) == []


async def test_lines_may_be_more_than_any_body(server: Running, server_settings: Settings) -> None:
    events = [exposure(n, context={"note": "x" * 800}) for n in range(3000)]
    body = lines(events[:1500]) + b"{" + b" " * 1_500_000 + b"}\r\n\r\n" + lines(events[1500:]).removesuffix(b"\n")

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    found = outcome(await server.client.post("/v1/exposures", content=pieces(), headers=LINES), 207)
    assert (found.acknowledged, found.rejected) == (3000, 1)
    assert [(error.index, error.code) for error in found.errors] == [(1500, "too_large")]
    assert len(await in_kafka(server_settings, server_settings.topics.exposures)) == 3000


async def begin(server: Running, kind: str, body: bytes) -> asyncio.StreamWriter:
    """Send the beginning of a request that says that its body is longer."""
    url = server.client.base_url
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = f"POST /v1/exposures HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 99999\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return writer


async def gone(server: Running) -> bool:
    """Whether the server knows that a client left."""
    return 'status="499"' in (await server.client.get("/metrics")).text


async def test_of_lines_that_break_off_whole_ones_are_published(server: Running, server_settings: Settings) -> None:
    topic = server_settings.topics.exposures
    body = lines([exposure(1), exposure(2)]) + lines([exposure(3)])[:-5]
    writer = await begin(server, "application/x-ndjson", body)

    async def there() -> bool:
        return len(await in_kafka(server_settings, topic)) == 2

    await until(there, "the whole lines are published")
    writer.transport.abort()
    await until(lambda: gone(server), "the server knows that the client left")
    assert len(await in_kafka(server_settings, topic)) == 2


async def test_json_that_breaks_off_is_not_published(server: Running, server_settings: Settings) -> None:
    writer = await begin(server, "application/json", json.dumps(exposure()).encode())
    writer.transport.abort()
    await until(lambda: gone(server), "the server knows that the client left")
    assert await in_kafka(server_settings, server_settings.topics.exposures) == []


async def test_a_request_under_a_key_is_published_once(server: Running, server_settings: Settings) -> None:
    client, body = server.client, [exposure(1), exposure(2), {"item_id": "x"}]

    async def send(key: str, events: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
        told = {"idempotency-key": key, "content-type": "application/json"} | dict(headers or {})
        content = lines(events) if headers else json.dumps(events).encode()
        return await client.post("/v1/exposures", content=content, headers=told)

    first, *others = await asyncio.gather(*(send("k1", body) for _ in range(5)))
    assert sum("idempotency-replayed" not in response.headers for response in [first, *others]) == 1
    assert {response.content for response in [first, *others]} == {first.content}
    assert outcome(first, 207).acknowledged == 2
    assert problem(await send("k1", body[:1])).code == "idempotency_key_reused"
    assert outcome(await send("k2", [exposure(3)], LINES)).acknowledged == 1
    assert len(await in_kafka(server_settings, server_settings.topics.exposures)) == 3
    for bad in ("", "x" * 256, "two words"):
        assert problem(await send(bad, body)).code == "invalid_request"


async def test_too_many_bodies_of_lines_at_a_time(server_settings: Settings) -> None:
    limited = server_settings.model_copy(update={"publishing": PublishingSettings(streams=1)})
    async with running(limited) as server:
        await server.ready()
        more, begun = asyncio.Event(), asyncio.Event()

        async def waiting() -> AsyncIterator[bytes]:
            yield lines([exposure(1)])
            begun.set()
            await more.wait()
            yield lines([exposure(2)])

        first = asyncio.create_task(server.client.post("/v1/exposures", content=waiting(), headers=LINES))
        await begun.wait()

        async def refused() -> httpx.Response:
            while True:
                response = await server.client.post("/v1/exposures", content=lines([exposure(3)]), headers=LINES)
                if response.status_code != 200:
                    return response

        response = await asyncio.wait_for(refused(), 20)
        assert (response.status_code, problem(response).code) == (429, "too_many_streams")
        assert response.headers["retry-after"] == "1"
        more.set()
        assert outcome(await first).acknowledged == 2
