"""What a fault is.

A new one is a value of `Fault` in the table of `infra.chaos.faults`, and nothing else: the plan, the report, the
command's help and the page of the documentation read that table.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from infra.chaos.world import World
from infra.roles import Role

Inflict = Callable[[World, str], AbstractAsyncContextManager[None]]


class MissedError(Exception):
    """There was nothing to hit: the target was down already. The fault does not count."""


def possible(_: World) -> str | None:
    """Every machine can make it."""
    return None


def as_it_is(role: Role, _: World) -> Role:
    """The target needs nothing from the start."""
    return role


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Attributes:
        kind: its name, as in `--faults` and in the report.
        about: one sentence for people.
        targets: what it may hit: trainer (the active one), indexer, server, broker.
        inflict: called with the world and a target, gives an asynchronous context manager: entering inflicts, leaving
            relieves. Between the two the driver waits. Raises MissedError when the target is down.
        lasts_s: from inflicting to relieving, at least and at most.
        unable: why this machine, or this Kafka, cannot have the fault; None if it can.
        furnish: called with every role before it starts, gives the role with what the fault needs of it: a variable of
            its environment, a folder of `world.equipment`.
        alone: how often it is drawn, beside the others, where faults come one at a time and outages are measured.
    """

    kind: str
    about: str
    targets: tuple[str, ...]
    inflict: Inflict
    lasts_s: tuple[float, float] = (0.0, 0.0)
    unable: Callable[[World], str | None] = possible
    furnish: Callable[[Role, World], Role] = as_it_is
    alone: int = 1
