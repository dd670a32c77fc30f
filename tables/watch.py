"""The thread that ends a process in which something stands still, be it the event loop itself."""

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import structlog
from prometheus_client import Gauge

from tables.errors import die
from tables.guard import guard_process, guarded
from tables.pulse import Pulse, Pulses
from tables.supply import Supply

log = structlog.get_logger(__name__)

LOOK_S = 0.25
TICK_S = 0.5
# If this thread does not run for so long, a thread of C, which needs no interpreter lock, ends the process with all
# stacks and exit code 1: compiled code never let go of the lock. (Or the process was paused; its state is old, then.)
LAST_RESORT_S = 120.0
WRITING_S = 3.0


@asynccontextmanager
async def watched(pulses: Pulses, loop_deadline_s: float, loop_lag: Gauge) -> AsyncIterator[None]:
    """Inside the block nothing fails quietly and nothing stands still for longer than it may, the event loop included.

    Args:
        pulses: what must move.
        loop_deadline_s: longest that the event loop may hang.
        loop_lag: told how late the loop wakes up.
    """
    guard_process()
    beating = guarded(_beat(pulses.add("event loop", loop_deadline_s), loop_lag), name="event loop")
    watch = Watch(pulses, asyncio.get_running_loop())
    watch.start()
    try:
        yield
    finally:
        watch.stop()
        beating.cancel()


class Watch:
    """Looks at all pulses a few times a second, from outside of the event loop."""

    def __init__(self, pulses: Pulses, loop: asyncio.AbstractEventLoop) -> None:
        self._pulses, self._loop = pulses, loop
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._ended.set()
        self._thread.join()
        faulthandler.cancel_dump_traceback_later()

    def _run(self) -> None:
        before, supply = time.monotonic(), Supply()
        while not self._ended.wait(LOOK_S):
            # A thread that was itself late says nothing of the others: the process was paused. And what waits for a
            # processor does not hang.
            now = time.monotonic()
            self._pulses.advance(min(max(0.0, now - before), 2 * LOOK_S) * supply.share())
            before = now
            faulthandler.dump_traceback_later(LAST_RESORT_S, exit=True)
            pulse = self._pulses.overdue()
            if pulse is not None:
                self._end(pulse)

    def _end(self, pulse: Pulse) -> None:
        error = pulse.error(str(pulse))
        # Should what stands still hold the lock of the log, or the log's reader not read.
        last = threading.Timer(WRITING_S, os._exit, [error.exit_code])
        last.daemon = True
        last.start()
        where = f"{_stacks()}\n\n{_waiting_tasks(self._loop)}"
        print(where, file=sys.stderr, flush=True)  # noqa: T201 - stacks are no log line
        die(error)


async def _beat(pulse: Pulse, lag: Gauge) -> None:
    while True:
        pulse.beat()
        before = time.monotonic()
        await asyncio.sleep(TICK_S)
        lag.set(max(0.0, time.monotonic() - before - TICK_S))


def _stacks() -> str:
    """Where each thread is."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n\n".join(
        "\n".join([f"thread {names.get(ident, ident)}:", *_lines(frame)])
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - there is no other way to see them
    )


def _lines(frame: FrameType | None) -> list[str]:
    lines = []
    while frame is not None:
        lines.append(f"  {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}")
        frame = frame.f_back
    return lines


def _waiting_tasks(loop: asyncio.AbstractEventLoop) -> str:
    """What each task waits for."""
    return "\n\n".join(
        "\n".join([f"task {task.get_name()}:", *_awaiting(task.get_coro())]) for task in asyncio.all_tasks(loop)
    )


def _awaiting(awaitable: Any) -> list[str]:
    lines = []
    while (frame := getattr(awaitable, "cr_frame", None)) is not None:
        lines.append(f"  {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}")
        awaitable = awaitable.cr_await
    return lines[::-1]
