"""Workers as processes that get killed, paused and started again."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

STOP_DEADLINE_S = 15.0


class Worker:
    """One worker process, started again whenever it is gone."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._command, self._environment = [sys.executable, *command], {**os.environ, **environment}
        self.exits: list[int] = []
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, env=self._environment)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def keep_running(self) -> None:
        if not self.running:
            self.exits.append(self.process.returncode)
            self.process = self._start()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_DEADLINE_S)

    def end(self) -> None:
        """Make sure that it is gone."""
        if self.running:
            self.process.kill()
            self.process.wait()


class Fleet:
    """Several workers and the task that starts them again."""

    def __init__(self, workers: list[Worker]) -> None:
        self.workers = workers
        self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            for worker in self.workers:
                worker.keep_running()
            await asyncio.sleep(0.1)

    async def stop(self) -> list[int]:
        """Stop all of them as an operator would; their exit codes."""
        self._keeper.cancel()
        return await asyncio.gather(*(asyncio.to_thread(worker.stop) for worker in self.workers))

    def kill(self) -> None:
        self._keeper.cancel()
        for worker in self.workers:
            worker.end()


@asynccontextmanager
async def fleet(
    commands: Sequence[Sequence[str]], environment: dict[str, str] | Sequence[dict[str, str]]
) -> AsyncIterator[Fleet]:
    """Workers that run inside the block, whatever happens to them; one environment for all, or one each."""
    environments = [environment] * len(commands) if isinstance(environment, dict) else environment
    running = Fleet([Worker(*pair) for pair in zip(commands, environments, strict=True)])
    try:
        yield running
    finally:
        running.kill()


async def torment(workers: Sequence[Worker], seconds: float, pause_s: tuple[float, float], seed: int) -> list[str]:
    """Kill and pause workers for a while, one after the other; what was done."""
    rng, done = random.Random(seed), []  # noqa: S311
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(rng.uniform(1.0, 5.0))
        victim = rng.randrange(len(workers))
        process = workers[victim].process
        if process.poll() is not None:
            continue
        if rng.random() < 0.5:
            process.kill()
            done.append(f"kill {victim}")
        else:
            pause = rng.uniform(*pause_s)
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(pause)
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            done.append(f"pause {victim} {pause:.1f} s")
    return done


async def until(condition: Callable[[], Awaitable[bool]], deadline_s: float, what: Callable[[], str]) -> None:
    """Poll a condition until it holds."""
    end = time.monotonic() + deadline_s
    while not await condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:.0f} s: {what()}")
        await asyncio.sleep(0.2)
