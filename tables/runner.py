"""Running a Faust app inside an event loop of ours, until it is told to stop or something breaks."""

import asyncio
import os
import signal

import structlog

from tables.app import App
from tables.errors import StalledError, die

log = structlog.get_logger(__name__)

STOP_DEADLINE_S = 8.0


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set; the second one kills."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop


async def run(app: App, stop: asyncio.Event) -> None:
    """Run until `stop`: then the steps in flight finish, the producers close and the group is left.

    A service of Faust that crashes ends the process, for Faust itself would go on half-working.
    """
    starting = asyncio.create_task(app.start(), name="start")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    crashed = asyncio.create_task(app._crashed.wait(), name="crash")  # noqa: SLF001 - mode has no public way
    await asyncio.wait({stopped, crashed, starting}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done() and not starting.cancelled() and starting.exception() is not None:
        die(starting.exception() or StalledError("Faust did not start"))
    await asyncio.wait({stopped, crashed}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        die(app.crash_reason or StalledError("a service of Faust crashed"))
    crashed.cancel()
    await _stop(app, starting)


async def _stop(app: App, starting: asyncio.Task[None]) -> None:
    try:
        async with asyncio.timeout(STOP_DEADLINE_S):
            await app.shards.release()
            starting.cancel()
            await app.stop()
    except TimeoutError:
        # Every step that had begun is committed or will be settled by the next owner: nothing to wait for.
        log.warning("Faust did not stop in time; leaving", seconds=STOP_DEADLINE_S)
        os._exit(0)
    log.info("stopped", group=app.shards.config.group)
