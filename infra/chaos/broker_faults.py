"""Faults of the single broker: killed, restarted, held up."""

from infra.chaos.fault import Fault
from infra.chaos.process_faults import kill, pause, stop
from infra.chaos.world import World
from infra.stack import BROKER

# Below the session of the embedded broker (3 s). A single broker that its controller takes for dead has partitions
# without a leader for a moment, and Kafka 4.3 then drops the markers of transactions that are just ending: they stay
# open for ever ("likely deleted already and hence can be skipped"). With three copies another one leads.
HELD_UP_S = (0.5, 2.0)


def ours(world: World) -> str | None:
    """A broker of somebody else's is left alone."""
    return "Kafka is not the stack's own" if world.external else None


FAULTS = (
    Fault("broker-kill", "kill -9 of the broker", (BROKER,), kill, unable=ours),
    Fault("broker-restart", "clean restart of the broker", (BROKER,), stop, unable=ours),
    Fault("broker-pause", "SIGSTOP of the broker", (BROKER,), pause, HELD_UP_S, unable=ours),
)
