"""Faults of the brokers: killed, restarted, held up."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.chaos.fault import Fault
from infra.chaos.process_faults import hit, kill, pause, stop
from infra.chaos.world import World
from infra.stack import BROKER
from schemas.errors import InvariantError

# Below the session of the embedded broker (9 s). A single broker that its controller takes for dead has partitions
# without a leader for a moment, and Kafka 4.3 then drops the markers of transactions that are just ending: they stay
# open for ever ("likely deleted already and hence can be skipped"). With three copies another one leads.
HELD_UP_S = (0.5, 6.0)
BACK_S, LOOK_S = 90.0, 0.1


def ours(world: World) -> str | None:
    """A broker of somebody else's is left alone."""
    return "Kafka is not the stack's own" if world.external else None


def several(world: World) -> str | None:
    """One broker has no other beside it."""
    return ours(world) or (None if world.options.brokers > 1 else "there is one broker only: --brokers 3")


@asynccontextmanager
async def kill_in_turn(world: World, target: str) -> AsyncIterator[None]:
    """Kill each of them once, the next one when the last one answers again; InvariantError when one does not."""
    hit(world, target)
    for broker in world.stack.brokers:
        process = hit(world, broker)
        process.kill()
        end = time.monotonic() + BACK_S
        while world.process(broker) in {None, process}:
            if time.monotonic() > end:
                raise InvariantError(f"{broker} was killed, and did not come back within {BACK_S:g} s: see its log")
            await asyncio.sleep(LOOK_S)
    yield


FAULTS = (
    Fault("broker-kill", "kill -9 of a broker", (BROKER,), kill, unable=ours),
    Fault("broker-restart", "clean restart of a broker", (BROKER,), stop, unable=ours),
    Fault("broker-pause", "SIGSTOP of a broker", (BROKER,), pause, HELD_UP_S, unable=ours),
    Fault(
        "brokers-in-turn",
        "kill -9 of each of three brokers, one after another",
        (BROKER,),
        kill_in_turn,
        unable=several,
    ),
)
