"""How far the replays are, on standard error."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINE_EVERY_S: Final = 30.0
"""Where nobody watches: a line now and then, for logs."""


class ReplayProgress:
    """A bar a seed with exposures a second and the time that remains."""

    def __init__(self, events: int, seeds: Sequence[int]) -> None:
        self._events, self._seeds = events, seeds
        self._began = self._said = time.monotonic()
        self._done = dict.fromkeys(seeds, 0)
        self._first: dict[int, tuple[float, int]] = {}
        self._bars: Progress | None = None
        self._tasks: dict[int, TaskID] = {}

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            columns = (
                TextColumn("seed {task.description}"), BarColumn(), MofNCompleteColumn(),
                TextColumn("{task.fields[rate]:,.0f}/s"), TimeRemainingColumn(),
            )  # fmt: skip
            self._bars = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, seed: int, events: int) -> None:
        """So many more exposures are replayed with this seed."""
        self._done[seed] += events
        if self._bars is None:
            self._line()
            return
        if seed not in self._tasks:
            self._tasks[seed] = self._bars.add_task(str(seed), total=self._events, rate=0.0)
        self._bars.update(self._tasks[seed], completed=self._done[seed], rate=self.rate(seed, time.monotonic()))

    def rate(self, seed: int, now: float) -> float:
        """Exposures a second of one seed since it was first heard of; a process reports some batches at a time, and
        what it took to begin is no replay.
        """
        then, done = self._first.setdefault(seed, (now, self._done[seed]))
        return (self._done[seed] - done) / (now - then) if now > then else 0.0

    def _line(self) -> None:
        now, done = time.monotonic(), sum(self._done.values())
        if now - self._said < LINE_EVERY_S:
            return
        self._said = now
        total, rate = self._events * len(self._seeds), done / (now - self._began)
        left = f"{(total - done) / rate / 60:.0f} min left" if rate else "no end in sight"
        print(f"{done:,} of {total:,} exposures, {rate:,.0f}/s, {left}", file=sys.stderr, flush=True)
