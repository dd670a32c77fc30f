"""One thread for what takes long, so that the event loop only moves bytes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tables.pulse import Pulse

T = TypeVar("T")


class ComputeThread:
    """Calls functions one after another; each must end within the limit of the pulse.

    Args:
        pulse: moves while nothing is being called, and with each call.
        prepare: called first, in the thread.
        arguments: for it.
    """

    def __init__(self, pulse: Pulse, prepare: Callable[..., object], *arguments: Any) -> None:
        self._pulse = pulse
        self._executor = ThreadPoolExecutor(1, pulse.what, prepare, arguments)

    async def __call__(self, function: Callable[..., T], *arguments: Any) -> T:
        """What the function returns."""
        return await self.within(None, function, *arguments)

    async def within(self, limit_s: float | None, function: Callable[..., T], *arguments: Any) -> T:
        """The same with a limit of its own, unless that is None."""

        def call() -> T:
            with self._pulse.during(limit_s):
                return function(*arguments)

        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def close(self) -> None:
        """Let the thread end, without what waits."""
        self._executor.shutdown(wait=False, cancel_futures=True)
