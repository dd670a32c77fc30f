"""Events that wait for a step: while one is under way the next ones gather, and then go together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tables.app import add_agent
from tables.consumer import delivered
from tables.guard import guarded
from tables.position import Event

Process = Callable[[int, list[Event]], Awaitable[None]]

LINGER_S = 0.003
# A transaction that follows at once meets the markers of the last one still being written, and takes twice as long.
REST_S = 0.01
MAX_WAITING_BYTES = 32 << 20
# A step's rows are several times its events, and nothing of them is visible before all of them are.
MAX_STEP = 2048
MAX_STEP_BYTES = 1 << 20
MESSAGES_WAITING = 32  # in Faust, each the records of a fetch: about 1 MiB at most


class Inbox:
    """One queue a partition, one step a partition at a time.

    Instead of a timer: an idle stream's event waits for `linger_s` only, a busy one's steps rest in between and grow
    with the load.
    """

    def __init__(self, process: Process, linger_s: float = LINGER_S, rest_s: float = REST_S) -> None:
        self._process, self._linger_s, self._rest_s = process, linger_s, rest_s
        self._waiting: dict[int, list[Event]] = {}
        self._draining: dict[int, asyncio.Task[None]] = {}
        self._bytes = 0
        self._room = asyncio.Event()

    async def put(self, partition: int, events: Sequence[Event]) -> None:
        """Add events of one partition; waits while too many do."""
        while self._bytes >= MAX_WAITING_BYTES:
            self._room.clear()
            await self._room.wait()
        self._waiting.setdefault(partition, []).extend(events)
        self._bytes += sum(map(_size, events))
        if partition not in self._draining:
            self._draining[partition] = guarded(self._drain(partition), name=f"inbox {partition}")

    async def _drain(self, partition: int) -> None:
        try:
            await asyncio.sleep(self._linger_s)
            while self._waiting[partition]:
                await self._process(partition, self._take(partition))
                await asyncio.sleep(self._rest_s)
        finally:
            del self._draining[partition]

    def _take(self, partition: int) -> list[Event]:
        waiting, size, count = self._waiting[partition], 0, 0
        while count < min(len(waiting), MAX_STEP) and size < MAX_STEP_BYTES:
            size += _size(waiting[count])
            count += 1
        events, self._waiting[partition] = waiting[:count], waiting[count:]
        self._bytes -= size
        self._room.set()
        return events


def _size(event: Event) -> int:
    return len(event.message.value or b"") + 1


def add_inbox(app: Any, source: Any, name: str, inbox: Inbox) -> None:
    """A Faust agent that puts the records of a batched source into the inbox."""
    app.conf.stream_buffer_maxsize = MESSAGES_WAITING

    async def into_inbox(stream: Any) -> None:
        async for event in stream.events():
            await inbox.put(event.message.partition, delivered(event))

    add_agent(app, source, name, into_inbox)
