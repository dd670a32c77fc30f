"""Where the time of a computation goes: its functions, timed as they are called."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch


class Stages:
    """Processor seconds by stage, each without those of the stages called from it. Use as `with`.

    Attributes:
        seconds: stage -> seconds.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = [0.0]
        self._patches = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patches.close()

    def watch(self, stage: str, owner: Any, *names: str) -> None:
        """Count what these functions of a module or class take, until the end."""
        for name in names:
            self._patches.enter_context(patch.object(owner, name, self._timed(stage, getattr(owner, name))))

    def call(self, stage: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function, and count what it takes."""
        return self._timed(stage, function)(*arguments)

    def _timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.thread_time()
            self._inner.append(0.0)
            try:
                return function(*arguments, **named)
            finally:
                taken, inner = time.thread_time() - began, self._inner.pop()
                self.seconds[stage] = self.seconds.get(stage, 0.0) + taken - inner
                self._inner[-1] += taken

        return timed
