"""What a run shows meanwhile, on standard error: lines for what happens, one that is overwritten for how it goes."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

PLAIN_LINE_S = 30.0


class Screen:
    """Lines, and a status below them where there is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._status = Status("", console=self.console) if self.console.is_terminal else None
        self._shown = -PLAIN_LINE_S

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def say(self, line: str) -> None:
        """Something happened."""
        self.console.print(line, markup=False)

    def status(self, line: str) -> None:
        """How it goes; without a terminal a line now and then."""
        if self._status:
            self._status.update(line)
        elif time.monotonic() - self._shown >= PLAIN_LINE_S:
            self._shown = time.monotonic()
            self.say(line)
