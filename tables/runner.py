"""Running a Faust app inside an event loop of ours, until it is told to stop or something breaks."""

import asyncio

import structlog

from tables.app import App
from tables.errors import StalledError, die
from tables.guard import guarded

log = structlog.get_logger(__name__)


async def run(app: App, stop: asyncio.Event) -> None:
    """Run until `stop`: then the steps in flight finish, the producers close, the group is left, and Faust ends.

    A service of Faust that crashes ends the process, for Faust itself would go on half-working.
    """
    starting = guarded(_start(app), name="faust")
    crash = guarded(_crash(app), name="faust crash")
    await stop.wait()
    crash.cancel()
    await app.shards.release()
    await app.leave_group()
    starting.cancel()
    await app.stop()
    log.info("stopped", group=app.shards.config.group)


async def _start(app: App) -> None:
    app.shards.join()
    log.info("joining", group=app.shards.config.group, member=app.membership.name)
    await app.start()


async def _crash(app: App) -> None:
    await app._crashed.wait()  # noqa: SLF001 - mode has no public way
    die(app.crash_reason or StalledError("a service of Faust crashed"))
