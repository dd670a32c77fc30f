"""A worker's HTTP port."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry, Counter

from agents.metrics import MetricsServer, serve_metrics
from schemas.errors import ResourceError

HOST = "127.0.0.1"


async def get(port: int, target: str, method: str = "GET") -> tuple[str, str]:
    """Status line and body."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = (await asyncio.wait_for(reader.read(), 10)).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return head.splitlines()[0], body


async def test_metrics_health_and_readiness() -> None:
    registry, waiting = CollectorRegistry(), ["parameters: 7 left", "tables"]
    Counter("svq_things", "Things.", registry=registry).inc(3)
    async with serve_metrics(MetricsServer(registry, lambda: waiting), HOST, 0) as port:
        assert port
        status, body = await get(port, "/metrics?x=1")
        assert status.endswith("200 OK")
        assert "svq_things_total 3.0" in body
        assert await get(port, "/healthz") == ("HTTP/1.1 200 OK", "ok\n")
        assert await get(port, "/readyz") == (
            "HTTP/1.1 503 Service Unavailable",
            "waiting for parameters: 7 left; tables\n",
        )
        waiting.clear()
        assert (await get(port, "/readyz"))[1] == "ready\n"
        assert "404" in (await get(port, "/"))[0]
        assert "404" in (await get(port, "/metrics", "POST"))[0]


async def test_garbage_does_no_harm() -> None:
    async with serve_metrics(MetricsServer(CollectorRegistry(), list), HOST, 0) as port:
        assert port
        for garbage in (b"\n\n", b"GET\r\n\r\n", b"\xff\xff /\r\n\r\n", b"x" * 10_000 + b"\n"):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(garbage)
            await asyncio.wait_for(reader.read(), 10)
            writer.close()
            await writer.wait_closed()
        assert (await get(port, "/healthz"))[1] == "ok\n"


async def test_a_taken_port_is_an_error_that_says_so() -> None:
    server = MetricsServer(CollectorRegistry(), list)
    async with serve_metrics(server, HOST, 0) as port:
        with pytest.raises(ResourceError, match=f"cannot listen at {HOST}:{port}"):
            async with serve_metrics(server, HOST, port):
                pass


async def test_no_port_no_server() -> None:
    async with serve_metrics(MetricsServer(CollectorRegistry(), list), HOST, None) as port:
        assert port is None
