"""Connections that say nothing, half of something, or close half of themselves: an answer, or an end, in time."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from schemas.service import SecuritySettings
from schemas.settings import Settings
from tests.serving.conftest import DEADLINE_S, Running, running

WHOLE = b'POST /v1/retrieve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"k":5}'
HASTE_S = 1.0


@pytest.fixture
async def server(server_settings: Settings) -> AsyncIterator[Running]:
    async with running(server_settings) as found:
        await found.ready()
        yield found


@pytest.fixture
async def hasty(server_settings: Settings) -> AsyncIterator[Running]:
    """A server that gives little time."""
    security = SecuritySettings(header_deadline_s=HASTE_S, body_deadline_s=HASTE_S)
    async with running(server_settings.model_copy(update={"security": security})) as found:
        await found.ready()
        yield found


async def conversation(server: Running, *sent: bytes, close: bool = False) -> tuple[int, dict[str, object]]:
    """Status and body of the first answer; the connection has an end in time."""
    url = server.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        for piece in sent:
            writer.write(piece)
            await writer.drain()
        if close:
            writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
    finally:
        writer.close()
    if not answer:
        return 0, {}
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP", WHOLE[:60]], ids=["silence", "half a line", "half a head"])
async def test_headers_that_do_not_come(hasty: Running, sent: bytes) -> None:
    status, found = await conversation(hasty, sent)
    assert (status, found["code"]) == (408, "headers_too_slow")


async def test_a_second_request_has_a_deadline_of_its_own(hasty: Running) -> None:
    url = hasty.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(WHOLE)
    assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"}"), DEADLINE_S)
    await asyncio.sleep(2 * HASTE_S)  # between two requests it may be idle
    writer.write(WHOLE + WHOLE[:30])
    rest = await asyncio.wait_for(reader.read(), DEADLINE_S)
    assert b"200 OK" in rest
    assert b"headers_too_slow" in rest
    writer.close()


@pytest.mark.parametrize("kind", [b"application/json", b"application/x-ndjson"])
async def test_a_body_that_does_not_come(hasty: Running, kind: bytes) -> None:
    head = b"POST /v1/exposures HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\nConnection: close\r\nContent-Type: "
    status, found = await conversation(hasty, head + kind + b"\r\n\r\n{")
    assert (status, found["code"]) == (408, "body_too_slow")


async def test_a_request_whose_sender_listens_only_is_answered(server: Running) -> None:
    status, found = await conversation(server, WHOLE, close=True)
    assert (status, found["k"]) == (200, 5)


@pytest.mark.parametrize("sent", [WHOLE[:-1], WHOLE[:40], b"GET"], ids=["body", "head", "line"])
async def test_half_a_request_is_told_at_once(server: Running, sent: bytes) -> None:
    status, found = await conversation(server, sent, close=True)
    assert (status, found["code"]) == (400, "not_http")


@pytest.mark.parametrize("sent", [b"hello\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"y" * 100_000])
async def test_what_is_not_http(server: Running, sent: bytes) -> None:
    status, found = await conversation(server, sent)
    assert (status, found["code"]) == (400, "not_http")
    assert (await server.client.get("/healthz")).json() == {"alive": True}


async def test_nothing_at_all_and_an_end(server: Running) -> None:
    assert await conversation(server, close=True) == (0, {})
