"""From a seed to what happens when: the same seed and options give the same plan."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from infra.chaos.fault import Fault

Card = tuple[Fault, str]

FIRST_S = 5.0
# Alone, with time to recover, so that its outage is its own; then several on top of each other. Runs that are shorter
# than the unhurried time have shorter gaps, and nothing is alone in them.
UNHURRIED_S = 120.0
ALONE_GAP_S = 22.0
BURST, BURST_GAP_S, AFTER_BURST_S = 5, (0.5, 4.0), 14.0
RECOVERY_S = 25.0


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault of a plan: when (seconds after the start), which, on whom, for how long."""

    at_s: float
    kind: str
    target: str
    length_s: float
    alone: bool = False

    def __str__(self) -> str:
        lasting = f" for {self.length_s:.1f} s" if self.length_s else ""
        return f"{self.at_s:6.1f} s  {self.kind} {self.target}{lasting}{'' if not self.alone else ', alone'}"


def make_plan(
    seed: int, seconds: float, faults: Sequence[Fault], members: Mapping[str, Sequence[str]], *, alone: bool = False
) -> list[Blow]:
    """Blows in order of time; the last quarter, 25 s at most, is left for what came before to recover.

    Every pair of fault and target comes about equally often: they are drawn like cards, from a deck that is shuffled
    anew when it is empty.

    Args:
        seed: start of every choice.
        seconds: how long the run is.
        faults: the kinds to choose from.
        members: what each kind of target stands for, such as indexer: indexer-0, indexer-1.
        alone: never several at once.
    """
    rng = random.Random(seed)  # noqa: S311 - a seed is the point
    if not faults:
        return []
    until = seconds - min(RECOVERY_S, seconds / 4)
    times = [*_alone(until)] if alone else [*_times(rng, until, min(1.0, seconds / UNHURRIED_S))]
    singles = _deck(rng, [(fault, target) for fault in faults for target in fault.targets for _ in range(fault.alone)])
    together = _deck(rng, [(fault, target) for fault in faults for target in fault.targets])
    return [_blow(rng, at, next(singles if single else together), members, single) for at, single in times]


def _deck(rng: random.Random, cards: Sequence[Card]) -> Iterator[Card]:
    while True:
        yield from rng.sample(cards, len(cards))


def _blow(rng: random.Random, at: float, card: Card, members: Mapping[str, Sequence[str]], alone: bool) -> Blow:  # noqa: FBT001
    fault, target = card
    return Blow(round(at, 1), fault.kind, rng.choice(members[target]), round(rng.uniform(*fault.lasts_s), 1), alone)


def _alone(seconds: float) -> Iterator[tuple[float, bool]]:
    at = FIRST_S
    while at < seconds:
        yield at, True
        at += ALONE_GAP_S


def _times(rng: random.Random, seconds: float, hurry: float) -> Iterator[tuple[float, bool]]:
    """When blows fall, and whether each is alone."""
    at = FIRST_S
    while at < seconds:
        yield at, hurry == 1
        at += hurry * ALONE_GAP_S
        for _ in range(BURST):
            if at < seconds:
                yield at, False
            at += hurry * rng.uniform(*BURST_GAP_S)
        at += hurry * AFTER_BURST_S
