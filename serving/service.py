"""One server process: the application at a socket, the follower beside it, both in one thread."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import numpy as np
import structlog
import torch
import uvicorn

from pipeline.attribute_column import AttributeColumn
from pipeline.merge import merge
from pipeline.number_bounds import Bounds
from pipeline.postings import Postings
from schemas.settings import Settings
from serving.access import warn
from serving.app import Server
from serving.connection import connections
from tables.stopping import stop_on_signals
from tables.watch import watched

GRACE_S: Final = 5
"""How long requests under way may take to end when the server is told to stop."""

IDLE_S: Final = 75
"""How long a connection may be idle: longer than load balancers keep theirs, so that it is they who close it."""

log = structlog.get_logger(__name__)


def compile_loops() -> None:
    """Run the compiled loops once, so that no query waits for a compiler: seconds the first time, then from disk."""
    postings = Postings(1, 1)
    for key in (0.0, 1.0):
        postings.update(np.array([0]), np.array([0]), np.array([[key]]))
    postings.set_keys_all(np.zeros((1, 1)))
    merge(postings, np.zeros(2), 0, 1, mask=np.ones(1, np.uint8))
    column = AttributeColumn(1)
    column.within(Bounds(gte=0))
    column.equal_to(range(20))


async def serve(settings: Settings, listening: socket.socket) -> None:
    """Answer at this socket and follow Kafka until a signal comes; StreamVQError if following becomes impossible."""
    stop = stop_on_signals()
    torch.set_num_threads(settings.server.threads)
    server = Server(settings)
    try:
        async with watched(server.pulses, settings.server.loop_deadline_s, server.metrics.loop_lag):
            await _serve(server, settings, listening, stop)
    finally:
        if server.tracing:
            server.tracing.close()


async def _serve(server: Server, settings: Settings, listening: socket.socket, stop: asyncio.Event) -> None:
    # No line a request: counts and times are in the metrics.
    config = uvicorn.Config(
        server.app,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=connections(settings.security.header_deadline_s),
        ws="none",
        proxy_headers=False,
        server_header=False,
        ssl_context_factory=server.access.tls,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    web = _Web(config)
    host, port = listening.getsockname()[:2]
    scheme = "https" if settings.security.tls_certificate else "http"
    log.info("listening", url=f"{scheme}://{host}:{port}", kafka=settings.kafka.bootstrap_servers)
    warn(settings.security, host)
    following = asyncio.create_task(server.run(), name="follower")
    answering = asyncio.create_task(web.serve(sockets=[listening]), name="web")
    asked = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({following, answering, asked}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        web.stop()
        following.cancel()
        await answering
        await server.stop()
        with suppress(asyncio.CancelledError):
            await following


class _Web(uvicorn.Server):
    """Leaves signals to `serve`: uvicorn would end the process by the signal after its own shutdown."""

    def stop(self) -> None:
        """Take no more requests, and end."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
