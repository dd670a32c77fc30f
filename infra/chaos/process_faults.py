"""Faults of one process: killed, asked to end, held up, sent away, robbed of its folder."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import psutil

from infra.chaos.fault import Fault, MissedError
from infra.chaos.world import World
from infra.roles import Role

WORKERS = ("trainer", "indexer", "server")
# Beyond the session timeout of 8 s: others take over meanwhile, and what wakes up is a zombie.
BEYOND_SESSION_S = (12.0, 18.0)
STALLED_S = (25.0, 35.0)
AWAY_S = (5.0, 15.0)
GRACE_S = 10.0
TAKEOVER_S, LOOK_S = 40.0, 0.02


@asynccontextmanager
async def kill(world: World, target: str) -> AsyncIterator[None]:
    """End it as a power failure would."""
    hit(world, target).kill()
    yield


@asynccontextmanager
async def stop(world: World, target: str) -> AsyncIterator[None]:
    """Ask it to end; the supervisor starts it again."""
    hit(world, target).terminate()
    yield


@asynccontextmanager
async def pause(world: World, target: str) -> AsyncIterator[None]:
    """Hold it up."""
    process = hit(world, target)
    process.suspend()
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()


@asynccontextmanager
async def two_trainers(world: World, target: str) -> AsyncIterator[None]:
    """Hold the active trainer up until another one is active, then let it go on: for a moment there are two."""
    before = world.active
    async with pause(world, target):
        with suppress(TimeoutError):
            async with asyncio.timeout(TAKEOVER_S):
                while world.active == before:  # noqa: ASYNC110 - it is known to threads, not to this loop
                    await asyncio.sleep(LOOK_S)
    yield


@asynccontextmanager
async def join(world: World, target: str) -> AsyncIterator[None]:
    """Another worker of the kind comes and goes."""
    role = _twin(world, target)
    await world.join(role)
    try:
        yield
    finally:
        await world.leave(role.name, GRACE_S)


@asynccontextmanager
async def leave(world: World, target: str) -> AsyncIterator[None]:
    """It is stopped, stays away, and comes back."""
    role = await away(world, target, GRACE_S)
    try:
        yield
    finally:
        await world.join(role)


@asynccontextmanager
async def lose_folder(world: World, target: str) -> AsyncIterator[None]:
    """It is killed and starts with an empty folder."""
    role = await away(world, target, 0.0)
    try:
        folder = world.folder(role.name)
        if folder:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        yield
    finally:
        await world.join(role)


def hit(world: World, target: str) -> psutil.Process:
    """The target's process. Raises MissedError when it is down."""
    process = world.process(target)
    if process is None:
        raise MissedError(f"{target} is down")
    return process


async def away(world: World, target: str, grace_s: float) -> Role:
    """End the target, killed after `grace_s`, and leave it ended; its role. Raises MissedError when it is ended."""
    name = world.role(target)
    if name not in world.stack.roles:
        raise MissedError(f"{target} is away already")
    await world.leave(name, grace_s)
    return world.roles[name]


def _twin(world: World, target: str) -> Role:
    """A role like the target's, with a name and a folder of its own."""
    like = world.roles[world.role(target)]
    number = 1 + sum(name.startswith(f"{like.name}-more") for name in world.stack.roles)
    name = f"{like.name}-more{number}"
    environment = {
        key: value.replace(like.name, name) if key.endswith("__FOLDER") else value
        for key, value in like.environment.items()
    }
    return replace(like, name=name, environment=environment)


FAULTS = (
    Fault("kill", "kill -9", WORKERS, kill, alone=4),
    Fault("stop", "SIGTERM at any moment; it is started again", WORKERS, stop),
    Fault("pause", "SIGSTOP for longer than the session timeout", WORKERS, pause, BEYOND_SESSION_S),
    Fault(
        "two-trainers",
        "the active trainer sleeps until another one is active, then goes on",
        ("trainer",),
        two_trainers,
    ),
    Fault("join", "another indexer joins for a while", ("indexer",), join, AWAY_S),
    Fault("leave", "a worker leaves in order and comes back", WORKERS, leave, AWAY_S),
    Fault("lose-folder", "kill -9, and the state folder is deleted", ("trainer", "indexer"), lose_folder),
    Fault("stalled-reader", "a server reads nothing for half a minute", ("server",), pause, STALLED_S),
)
