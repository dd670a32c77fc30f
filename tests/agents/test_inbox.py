"""Events gather while a step is under way, and one step a partition runs at a time."""

import asyncio
from collections.abc import Callable

import pytest

from agents import inbox as inbox_module
from agents.inbox import Inbox
from tables.position import Delivered, Event, Message

DEADLINE_S = 10


def event(partition: int, offset: int, value: bytes | None = None) -> Delivered:
    return Delivered(Message("events", partition, offset, 1, 0.0, None, value))


class Steps:
    """Records steps; each waits until it is let go."""

    def __init__(self) -> None:
        self.done: list[tuple[int, list[int]]] = []
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.changed = asyncio.Condition()
        self.running: set[int] = set()

    async def process(self, partition: int, events: list[Event]) -> None:
        assert partition not in self.running
        self.running.add(partition)
        self.begun.set()
        await self._tell()
        await self.go.wait()
        self.running.remove(partition)
        self.done.append((partition, [event.message.offset for event in events]))
        await self._tell()

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(condition)


async def test_what_arrives_during_a_step_goes_together_in_the_next_one() -> None:
    steps = Steps()
    inbox = Inbox(steps.process, linger_s=0, rest_s=0)
    await inbox.put(0, [event(0, 0)])
    async with asyncio.timeout(DEADLINE_S):
        await steps.begun.wait()
    for offset in (1, 2, 3):
        await inbox.put(0, [event(0, offset)])
    steps.go.set()
    await steps.until(lambda: len(steps.done) == 2)
    assert steps.done == [(0, [0]), (0, [1, 2, 3])]


async def test_partitions_do_not_wait_for_each_other() -> None:
    steps = Steps()
    inbox = Inbox(steps.process, linger_s=0, rest_s=0)
    await inbox.put(0, [event(0, 0)])
    await inbox.put(1, [event(1, 0)])
    await steps.until(lambda: steps.running == {0, 1})
    steps.go.set()
    await steps.until(lambda: len(steps.done) == 2)


async def test_events_that_arrive_together_are_one_step() -> None:
    steps = Steps()
    steps.go.set()
    inbox = Inbox(steps.process, linger_s=0.01, rest_s=0)
    for offset in range(5):
        await inbox.put(0, [event(0, offset)])
    await steps.until(lambda: len(steps.done) == 1)
    assert steps.done == [(0, [0, 1, 2, 3, 4])]


async def test_a_full_inbox_makes_the_stream_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "MAX_WAITING_BYTES", 4)
    monkeypatch.setattr(inbox_module, "MAX_STEP", 2)
    steps = Steps()
    inbox = Inbox(steps.process, linger_s=0, rest_s=0)
    await inbox.put(0, [event(0, offset) for offset in range(6)])
    late = asyncio.create_task(inbox.put(0, [event(0, 6)]))
    async with asyncio.timeout(DEADLINE_S):
        await steps.begun.wait()
    await asyncio.sleep(0)
    assert not late.done()
    steps.go.set()
    async with asyncio.timeout(DEADLINE_S):
        await late
    await steps.until(lambda: len(steps.done) == 4)
    assert [offsets for _, offsets in steps.done] == [[0, 1], [2, 3], [4, 5], [6]]


async def test_a_step_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "MAX_STEP_BYTES", 100)
    steps = Steps()
    steps.go.set()
    inbox = Inbox(steps.process, linger_s=0, rest_s=0)
    sizes = [10, 60, 60, 300, 10]
    await inbox.put(0, [event(0, offset, b"v" * size) for offset, size in enumerate(sizes)])
    await steps.until(lambda: len(steps.done) == 3)
    assert [offsets for _, offsets in steps.done] == [[0, 1, 2], [3], [4]]
