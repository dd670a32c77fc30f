"""Where items were filed since the server began to look, and how soon queries found them."""

import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
from streamvq_client.rows import ItemIndexRow

from pipeline.postings import ABSENT, UNFILED
from schemas.http_console import Immediacy
from serving.console.delays import RecentDelays
from serving.items import Refiled
from serving.stream_time import now_ms

KEPT: Final = 20_000
"""Moves remembered, 4 MB."""
LIVE_MS: Final = 3_600_000


class Step(NamedTuple):
    """One move of one item: clusters are `ABSENT` before the first and after the last."""

    time: int
    item: str
    origin: int
    to: int
    version: int


class Journal:
    """Notes which items move. Nothing of what was there before `begin`."""

    def __init__(self) -> None:
        self.began: int | None = None
        self.filed = 0
        """Items that got their first cluster."""
        self.moved = 0
        """Items that got another one."""
        self._steps: deque[Step] = deque(maxlen=KEPT)
        self._filed_s = RecentDelays("from an indexer's taking it up to its being found")
        self._published_s = RecentDelays("from the candidate's own time to its being found")

    def begin(self) -> None:
        """What comes from now on is news."""
        self.began = now_ms()

    def refiled(self, change: Refiled) -> None:
        """Take note of rows that are about to take effect."""
        if self.began is None:
            return
        now = now_ms()
        after_n = np.array([_cluster(row) for row in change.rows], np.int32)
        for place in np.flatnonzero(after_n != change.clusters_n).tolist():
            row = change.rows[place]
            self._note(
                Step(
                    now,
                    change.names[place],
                    int(change.clusters_n[place]),
                    int(after_n[place]),
                    row.version if row else 0,
                )
            )
        taken = [
            row.time
            for row, before in zip(change.rows, change.times_n.tolist(), strict=True)
            if row and row.time != before
        ]
        new = [
            row.published
            for row, before in zip(change.rows, change.clusters_n.tolist(), strict=True)
            if row and before == ABSENT and 0 <= now - row.published < LIVE_MS
        ]
        for delays, times in ((self._filed_s, taken), (self._published_s, new)):
            if times:
                delays.add((now - np.array(times, np.int64)).clip(min=0) / 1000, time.monotonic())

    def immediacy(self) -> Immediacy:
        """How soon, lately."""
        now = time.monotonic()
        return Immediacy(self._filed_s.seen(now), self._published_s.seen(now))

    def latest(self, limit: int, wanted: Callable[[Step], bool] = lambda _: True) -> list[Step]:
        """The last moves that are wanted, latest first."""
        return list(islice(filter(wanted, reversed(self._steps)), limit))

    def __len__(self) -> int:
        return len(self._steps)

    def _note(self, step: Step) -> None:
        self._steps.append(step)
        if step.origin == ABSENT:
            self.filed += 1
        elif step.to != ABSENT:
            self.moved += 1


def _cluster(row: ItemIndexRow | None) -> int:
    if row is None:
        return ABSENT
    return row.clusters[0] if row.clusters else UNFILED
