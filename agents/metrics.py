"""A worker's small HTTP port: /metrics for Prometheus, /healthz and /readyz for whoever starts and stops it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from schemas.errors import ResourceError
from tables.errors import die

log = structlog.get_logger(__name__)

READ_DEADLINE_S = 5.0
MAX_LINE = 4096
MAX_HEADERS = 100


class MetricsServer:
    """Answers GET requests, one a connection. Stands in no relation to Faust's web server, which stays off."""

    def __init__(self, registry: CollectorRegistry, waiting_for: Callable[[], Sequence[str]]) -> None:
        """`waiting_for` says in words what a worker waits for and how far that is; it is ready when that is nothing."""
        self._registry, self._waiting_for = registry, waiting_for

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        try:
            async with asyncio.timeout(READ_DEADLINE_S):
                status, kind, body = self._respond(await _path(reader))
                head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            log.debug("request dropped")
        except Exception as error:  # noqa: BLE001 - asyncio would only log it
            die(error, task="metrics")
        finally:
            writer.close()

    def _respond(self, path: str) -> tuple[str, str, bytes]:
        if path == "/metrics":
            return "200 OK", CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if path == "/healthz":
            return "200 OK", "text/plain", b"ok\n"
        if path == "/readyz":
            waiting = self._waiting_for()
            if not waiting:
                return "200 OK", "text/plain", b"ready\n"
            return "503 Service Unavailable", "text/plain", f"waiting for {'; '.join(waiting)}\n".encode()
        return "404 Not Found", "text/plain", b"/metrics, /healthz, /readyz\n"


@contextlib.asynccontextmanager
async def serve_metrics(
    server: MetricsServer, host: str, port: int | None, setting: str = "metrics_port"
) -> AsyncIterator[int | None]:
    """Serve inside the block; the port, which is another one for 0. No port: no server. `setting` is where it stands.

    Raises:
        ResourceError: the port is taken.
    """
    if port is None:
        yield None
        return
    try:
        listening = await asyncio.start_server(server.answer, host, port, limit=MAX_LINE)
    except OSError as error:
        raise ResourceError(f"cannot listen at {host}:{port}: {error.strerror}; set another {setting}") from error
    async with listening:
        taken: int = listening.sockets[0].getsockname()[1]
        log.info("metrics", url=f"http://{host}:{taken}/metrics")
        yield taken


async def _path(reader: asyncio.StreamReader) -> str:
    """Path of the request line; the headers are read and ignored."""
    line = await reader.readuntil(b"\n")
    for _ in range(MAX_HEADERS):
        if (await reader.readuntil(b"\n")).strip() == b"":
            break
    method, target, _ = line.decode("ascii").split(" ", 2)
    return target.partition("?")[0] if method == "GET" else ""
