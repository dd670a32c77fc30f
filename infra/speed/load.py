"""Queries over keep-alive connections, one after the other on each: as few instructions of ours as possible."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from pipeline.arrays import Doubles

OK: Final = b"HTTP/1.1 200"
WARM_S: Final = 1.0


class Loaded(NamedTuple):
    """Seconds of each request, and requests a second over all connections."""

    seconds_r: Doubles
    rate: float


def load(port: int, requests: Callable[[], bytes], connections: int, seconds: float) -> Loaded:
    """Ask for so long; the first second does not count.

    Raises:
        RuntimeError: an answer is no 200.
    """
    return asyncio.run(_load(port, requests, connections, seconds))


def post(path: str, body: bytes) -> bytes:
    """A request with a JSON body."""
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def get(path: str) -> bytes:
    """A request without one."""
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode()


async def _load(port: int, requests: Callable[[], bytes], connections: int, seconds: float) -> Loaded:
    begin = time.perf_counter() + WARM_S
    asking = [_ask(port, requests, begin, begin + seconds) for _ in range(connections)]
    taken: list[Sequence[float]] = await asyncio.gather(*asking)
    seconds_r = np.concatenate([np.asarray(one) for one in taken])
    return Loaded(seconds_r, len(seconds_r) / seconds)


async def _ask(port: int, requests: Callable[[], bytes], begin: float, end: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken: list[float] = []
    try:
        while (sent := time.perf_counter()) < end:
            writer.write(requests())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(OK):
                raise RuntimeError(f"the server answered {head[:80]!r}")
            await reader.readexactly(_length(head))
            if sent >= begin:
                taken.append(time.perf_counter() - sent)
    finally:
        writer.close()
    return taken


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError("an answer has no length")
