"""A full disk under the tables of one worker."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.chaos.disk import SmallDisk, unable
from infra.chaos.fault import Fault
from infra.chaos.process_faults import GRACE_S, away
from infra.chaos.world import World
from infra.child import Child
from infra.roles import Role, process_environment
from infra.supervised import LAST_LINES, last_message
from schemas.errors import InvariantError, ResourceError

ENDS_S = 90.0  # a worker that has just begun must have taken its partitions and something to write


def with_a_small_disk(role: Role, world: World) -> Role:
    """An indexer keeps its tables on a disk of its own."""
    folder = role.environment.get("SVQ_INDEXER__FOLDER")
    if folder:
        world.disks[role.name] = world.equipment.enter_context(SmallDisk(Path(folder)))
    return role


@asynccontextmanager
async def fill(world: World, target: str) -> AsyncIterator[None]:
    """Let it run on a full disk until it has said so and ended; once there is room it is started again.

    Without its supervisor, which does not start a worker again that lacks room.

    Raises:
        InvariantError: it did not end, or in another way than it should.
    """
    role = await away(world, target, GRACE_S)
    disk, lines = world.disks[role.name], deque[str](maxlen=LAST_LINES)
    disk.fill()
    try:
        child = Child(role.command, env=process_environment(world.settings, role.environment), on_line=lines.append)
        code = await asyncio.to_thread(_until_ended, child)
        said = last_message(lines)
        if code != ResourceError.exit_code or "No space left" not in said:
            raise InvariantError(f"{role.name} on a full disk ended with {code}, not {ResourceError.exit_code}: {said}")
        yield
    finally:
        disk.clear()
        await world.join(role)


def _until_ended(child: Child) -> int | None:
    try:
        return child.start().wait(ENDS_S)
    finally:
        child.stop(0.0)


FAULTS = (
    Fault(
        "disk-full",
        "its disk is full: it says so and ends, and comes back when there is room",
        ("indexer",),
        fill,
        unable=lambda world: unable(world.settings.data / "probe"),
        furnish=with_a_small_disk,
    ),
)
