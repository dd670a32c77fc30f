"""Faults of the wall clock of one worker."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from infra.chaos.clock import Clock, unable
from infra.chaos.fault import Fault
from infra.chaos.process_faults import WORKERS, hit
from infra.chaos.world import World
from infra.roles import Role

HOUR_S = 3600
# Hours ahead, then hours behind, and so on: each way there and back is a jump forward and one backward.
SHIFTS_S = itertools.cycle((5 * HOUR_S, -7 * HOUR_S))
LASTS_S = (5.0, 20.0)


def with_a_clock(role: Role, world: World) -> Role:
    """It goes by a clock of its own."""
    folder = world.settings.data / "clocks"
    folder.mkdir(parents=True, exist_ok=True)
    clock = world.clocks[role.name] = Clock(folder / role.name)
    return replace(role, environment={**role.environment, **clock.environment()})


@asynccontextmanager
async def jump(world: World, target: str) -> AsyncIterator[None]:
    """Let its clock jump, and back again."""
    hit(world, target)
    clock = world.clocks[world.role(target)]
    clock.shift(next(SHIFTS_S))
    try:
        yield
    finally:
        clock.shift(0)


FAULTS = (
    Fault(
        "clock-jump",
        "its wall clock jumps by hours, ahead or back, and then to the right time",
        WORKERS,
        jump,
        LASTS_S,
        unable=lambda _: unable(),
        furnish=with_a_clock,
    ),
)
