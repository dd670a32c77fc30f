"""Carries a plan out: each fault at its time, however many of them overlap."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import psutil

from infra.chaos.fault import Fault, MissedError
from infra.chaos.plan import Blow
from infra.chaos.world import World


class Storm:
    """Inflicts the blows of a plan.

    Attributes:
        struck: (seconds of the run, blow) of those that hit.
        missed: blows that found nothing to hit.
    """

    def __init__(self, world: World, faults: Mapping[str, Fault], note: Callable[[str], None]) -> None:
        self.struck: list[tuple[float, Blow]] = []
        self.missed = 0
        self._world, self._faults, self._note = world, faults, note

    @property
    def counts(self) -> Counter[str]:
        """Faults that hit, by kind."""
        return Counter(blow.kind for _, blow in self.struck)

    async def run(self, plan: Sequence[Blow], begun: float) -> None:
        """Everything, relieved again; `begun` is the monotonic time from which the plan counts."""
        try:
            async with asyncio.TaskGroup() as blows:
                for blow in plan:
                    blows.create_task(self._strike(blow, begun), name=str(blow))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    async def _strike(self, blow: Blow, begun: float) -> None:
        await asyncio.sleep(max(0.0, begun + blow.at_s - time.monotonic()))
        who, at = self._world.role(blow.target), time.monotonic() - begun
        self._note(f"{blow}{'' if who == blow.target else f' ({who})'}")
        try:
            async with self._faults[blow.kind].inflict(self._world, blow.target):
                self.struck.append((at, blow))
                await asyncio.sleep(blow.length_s)
        except (MissedError, psutil.NoSuchProcess) as missed:
            self.missed += 1
            self._note(f"{'':10}missed: {missed}")
