"""A bar on standard error for what takes more than a second."""

import sys
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

PATIENCE_S = 1.0
LINE_EVERY_S = 10.0  # where nobody watches: a line now and then, for logs


class Reading:
    """Shows the share done of one thing, once it has taken a second."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._began = self._said = monotonic()
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, share: float) -> None:
        """Say how much is done, 0..1."""
        now = monotonic()
        if now - self._began < PATIENCE_S:
            return
        if not sys.stderr.isatty():
            if now - self._said >= LINE_EVERY_S:
                self._said = now
                print(f"{self._title}: {share:.0%}", file=sys.stderr, flush=True)
            return
        if self._bar is None:
            columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self._title, total=1.0)
            self._bar.start()
        self._bar.update(self._task, completed=min(share, 1.0))
