"""Faults of the network between one worker and all brokers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from infra.chaos.broker_faults import ours
from infra.chaos.fault import Fault, Inflict
from infra.chaos.process_faults import BEYOND_SESSION_S, WORKERS, hit
from infra.chaos.proxy import Kind, Trouble
from infra.chaos.world import World
from infra.roles import Role

DELAY_S = 0.3
CUT_S = (1.0, 8.0)
SLOW_S = (5.0, 15.0)


def through_the_proxy(role: Role, world: World) -> Role:
    """It looks for Kafka where the proxy is."""
    return replace(role, environment={**role.environment, "SVQ_KAFKA__BOOTSTRAP_SERVERS": world.proxy.bootstrap})


def _trouble(kind: Kind, delay_s: float = 0.0) -> Inflict:
    @asynccontextmanager
    async def inflict(world: World, target: str) -> AsyncIterator[None]:
        hit(world, target)
        role = world.role(target)  # also when it is started again meanwhile
        with world.proxy.trouble(Trouble(kind, lambda: _pid(world, role), delay_s)):
            yield

    return inflict


def _pid(world: World, role: str) -> int | None:
    process = world.stack.process(role)
    return process.pid if process else None


def _fault(kind: Kind, about: str, lasts_s: tuple[float, float], delay_s: float = 0.0) -> Fault:
    return Fault(kind, about, WORKERS, _trouble(kind, delay_s), lasts_s, unable=ours, furnish=through_the_proxy)


FAULTS = (
    _fault("cut", "its connections to Kafka end, and new ones do at once", CUT_S),
    _fault("drop", "nothing passes between it and Kafka for longer than the session timeout", BEYOND_SESSION_S),
    _fault("delay", f"what it and Kafka send each other comes {DELAY_S} s later", SLOW_S, DELAY_S),
)
