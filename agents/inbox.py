"""Events that wait for a step: while one is under way the next ones gather, and then go together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tables.consumer import delivered
from tables.errors import die
from tables.position import Event

Process = Callable[[int, list[Event]], Awaitable[None]]

LINGER_S = 0.003
MAX_WAITING = 8192
MAX_STEP = 2048


class Inbox:
    """One queue a partition, one step a partition at a time.

    Instead of a timer: an idle stream's event waits for `linger_s` only, a busy one's steps grow with the load.
    """

    def __init__(self, process: Process, linger_s: float = LINGER_S) -> None:
        self._process, self._linger_s = process, linger_s
        self._waiting: dict[int, list[Event]] = {}
        self._draining: dict[int, asyncio.Task[None]] = {}
        self._count = 0
        self._room = asyncio.Event()

    async def put(self, partition: int, events: Sequence[Event]) -> None:
        """Add events of one partition; waits while too many do."""
        while self._count >= MAX_WAITING:
            self._room.clear()
            await self._room.wait()
        self._waiting.setdefault(partition, []).extend(events)
        self._count += len(events)
        if partition not in self._draining:
            self._draining[partition] = asyncio.create_task(self._drain(partition), name=f"inbox {partition}")

    async def _drain(self, partition: int) -> None:
        try:
            await asyncio.sleep(self._linger_s)
            while waiting := self._waiting[partition]:
                events, self._waiting[partition] = waiting[:MAX_STEP], waiting[MAX_STEP:]
                self._count -= len(events)
                self._room.set()
                await self._process(partition, events)
        except Exception as error:  # noqa: BLE001 - a task that nobody awaits
            die(error, partition=partition)
        finally:
            del self._draining[partition]


def add_agent(app: Any, source: Any, name: str, inbox: Inbox) -> None:
    """A Faust agent that puts the records of a batched source into the inbox."""

    async def agent(stream: Any) -> None:
        try:
            async for event in stream.events():
                await inbox.put(event.message.partition, delivered(event))
        except Exception as error:  # noqa: BLE001 - Faust would restart the agent and skip the event
            die(error, agent=name)

    app.agent(source, name=name)(agent)
