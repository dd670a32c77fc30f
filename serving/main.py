"""`svq server`: answers queries over HTTP from a live replica."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import numpy as np
import structlog
import torch
import uvicorn

from pipeline.merge import merge
from pipeline.postings import Postings
from schemas.errors import ResourceError
from schemas.settings import Settings
from schemas.workers import ServerSettings
from serving.app import Server

BACKLOG: Final = 2048

log = structlog.get_logger(__name__)


def main(settings: Settings) -> None:
    """Serve until told to stop by SIGINT or SIGTERM.

    Raises:
        ResourceError: the port is taken, found out before anything else is started.
        StreamVQError: the replica cannot be kept up any more.
    """
    listening = listen(settings.server)
    with listening:
        torch.set_num_threads(settings.server.threads)
        compile_loops()
        asyncio.run(serve(settings, listening))


def listen(server: ServerSettings) -> socket.socket:
    """A socket at the address of the settings; ResourceError if that cannot be had."""
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((server.host, server.port))
        listening.listen(BACKLOG)  # without it two processes could hold the port until both wanted to accept
    except OSError as error:
        listening.close()
        raise ResourceError(
            f"cannot listen at {server.host}:{server.port}: {error.strerror or error}. "
            "End the process that holds it, or set server.port (SVQ_SERVER__PORT) to another one; 0 takes a free one."
        ) from error
    return listening


def compile_loops() -> None:
    """Run the compiled loops once, so that no query waits for a compiler: seconds the first time, then from disk."""
    postings = Postings(1, 1)
    for key in (0.0, 1.0):
        postings.update(np.array([0]), np.array([0]), np.array([[key]]))
    postings.set_keys_all(np.zeros((1, 1)))
    merge(postings, np.zeros(2), 0, 1, mask=np.ones(1, np.uint8))


async def serve(settings: Settings, listening: socket.socket) -> None:
    """Answer at this socket and follow Kafka, until a signal comes or following becomes impossible."""
    server = Server(settings)
    # Uvicorn's own log goes through the root logger like everything else; a line a request would say nothing new.
    config = uvicorn.Config(server.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=5)
    web = _Web(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, web.stop)
    following = asyncio.create_task(server.run())
    answering = asyncio.create_task(web.serve(sockets=[listening]))
    host, port = listening.getsockname()[:2]
    log.info(
        "listening", url=f"http://{host}:{port}", kafka=settings.kafka.bootstrap_servers, prefix=settings.kafka.prefix
    )
    await asyncio.wait({following, answering}, return_when=asyncio.FIRST_COMPLETED)
    web.stop()
    await answering
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


class _Web(uvicorn.Server):
    """Leaves signals to `serve`: uvicorn would end the process with the signal after its own shutdown."""

    def stop(self) -> None:
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
