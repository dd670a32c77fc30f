"""`svq server`: answers queries over HTTP from a live replica."""

import asyncio
import socket
from typing import Final

from schemas.errors import ResourceError
from schemas.settings import Settings
from schemas.workers import ServerSettings

BACKLOG: Final = 2048


def main(settings: Settings) -> None:
    """Serve until told to stop by SIGINT or SIGTERM.

    Raises:
        ResourceError: the port is taken, found out before anything else is started.
        StreamVQError: the replica cannot be kept up any more.
    """
    with listen(settings.server) as listening:
        # Loading torch takes seconds: whoever is told that a port is taken should not have to wait for them.
        from serving.service import compile_loops, serve

        compile_loops()
        asyncio.run(serve(settings, listening))


def listen(server: ServerSettings) -> socket.socket:
    """A socket at the address of the settings; ResourceError if that cannot be had."""
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off; else every answer would wait 40 ms for an ACK.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((server.host, server.port))
        listening.listen(BACKLOG)  # without it two processes could hold the port until both wanted to accept
    except (OSError, OverflowError) as error:
        listening.close()
        raise ResourceError(
            f"cannot listen at {server.host}:{server.port}: {getattr(error, 'strerror', None) or error}. "
            "End the process that holds it, or set server.port (SVQ_SERVER__PORT) to another one; 0 takes a free one."
        ) from error
    return listening
