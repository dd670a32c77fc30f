"""The replica's thread: torch computes there, and the event loop only moves bytes."""

import asyncio
from collections.abc import Iterable, Sequence
from enum import IntEnum

import torch

from agents.replica import Features, ParameterRecords, Placed, Replica
from schemas.parameters import Commit
from tables.compute import ComputeThread
from tables.pulse import Pulse


class Stage(IntEnum):
    """What there is of the model."""

    NOTHING = 0
    TOWERS = 1
    CODEBOOK = 2


class Placer:
    """A replica behind an executor of one thread.

    Attributes:
        commit: of the version in use, None before the first.
        stage: how far the model is.
    """

    def __init__(self, pulse: Pulse, threads: int, whole_s: float) -> None:
        """Begin with nothing.

        Args:
            pulse: beats as long as the thread computes one thing after another.
            threads: of a computation.
            whole_s: longest that taking in a whole model may take; for all else the limit of the pulse stands.
        """
        self._replica = Replica()
        self._whole_s = whole_s
        self._thread = ComputeThread(pulse, torch.set_num_threads, threads)
        self.commit: Commit | None = None
        self.stage = Stage.NOTHING
        self._reached = {stage: asyncio.Event() for stage in Stage}
        self._never = asyncio.Event()

    @property
    def version(self) -> int:
        """Version in use, 0 before the first."""
        return self.commit.version if self.commit else 0

    async def feed(self, records: ParameterRecords, *, complete: bool) -> bool:
        """As `Replica.feed`."""
        limit_s = self._whole_s if self._replica.anew else None
        follows = await self._thread.within(limit_s, lambda: self._replica.feed(records, complete=complete))
        self.commit = self._replica.commit
        self.stage = Stage(bool(self.commit) + self._replica.files)
        for stage in Stage:
            if stage <= self.stage:
                self._reached[stage].set()
        return follows

    def beyond(self, stage: Stage) -> asyncio.Event:
        """Set when the model gets further than `stage`."""
        return self._never if stage == Stage.CODEBOOK else self._reached[Stage(stage + 1)]

    async def read_again(self) -> None:
        """As `Replica.read_again`."""
        await self._thread(self._replica.read_again)

    async def place(self, ids: Sequence[str], features: Sequence[Features], present: Iterable[int]) -> Placed:
        """As `Replica.place`."""
        return await self._thread(self._replica.place, ids, features, present)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.close()
