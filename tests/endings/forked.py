"""Worker processes as `svq` starts them, and what goes wrong in them on purpose.

Torch, numba and Faust take seconds to import: once, in a server that every process is forked from.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from schemas.settings import Settings
from tests.agents.trainer_process import PROCESSES

DEADLINE_S = 60.0


def work(role: str, environment: Mapping[str, str], output: str, sabotage: str | None) -> None:
    """What the process does."""
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.environ |= environment
    from infra.cli import run
    from tests.endings import sabotages

    if sabotage is not None:
        getattr(sabotages, sabotage)()
    sys.exit(run([role]))


class Forked:
    """Started when built."""

    def __init__(self, role: str, settings: Settings, sabotage: str | None = None, **variables: str) -> None:
        self.role, self.began = role, time.monotonic()
        self.settings = settings
        self._file = settings.data / f"{role}-{sabotage}-{time.monotonic_ns()}.log"
        self._file.touch()
        environment = settings.environment() | {"SVQ_LOGS__FORMAT": "json"} | variables
        arguments = (role, environment, str(self._file), sabotage)
        self._process = PROCESSES.Process(target=work, args=arguments, name=role)
        self._process.start()

    @property
    def log(self) -> str:
        return self._file.read_text()

    @property
    def running(self) -> bool:
        return self._process.is_alive()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Log lines of one event."""
        # The last line may be read while it is being written.
        whole = [line for line in self.log.splitlines(keepends=True) if line.endswith("\n")]
        found = [json.loads(line) for line in whole if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    def until(self, event: str) -> dict[str, Any]:
        """The first line of an event, waited for."""
        end = time.monotonic() + DEADLINE_S
        while not (found := self.lines(event)):
            assert self.running, self.log
            assert time.monotonic() < end, f"{self.role} never said {event!r}: {self.log}"
            time.sleep(0.02)
        return found[0]

    def url(self) -> str:
        """Of its HTTP port: the server's own, or a worker's for metrics."""
        event = "listening" if self.role == "server" else "metrics"
        address: str = self.until(event)["url"]
        return address.removesuffix("/metrics")

    def until_said(self, words: str) -> None:
        """Until something stands in its output."""
        end = time.monotonic() + DEADLINE_S
        while words not in self.log:
            assert self.running, self.log
            assert time.monotonic() < end, f"{self.role} never said {words!r}: {self.log}"
            time.sleep(0.02)

    def ready(self) -> bool:
        """What it says itself; a busy one may hang up."""
        try:
            return httpx.get(f"{self.url()}/readyz", timeout=DEADLINE_S).status_code == 200
        except httpx.TransportError:
            return False

    def until_ready(self) -> None:
        end = time.monotonic() + DEADLINE_S
        while not self.ready():
            assert self.running, self.log
            assert time.monotonic() < end, f"{self.role} is not ready: {self.log}"
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def ended(self, seconds: float = DEADLINE_S) -> int | None:
        """The exit code, waited for."""
        self._process.join(seconds)
        assert not self.running, f"{self.role} still runs after {seconds:g} s: {self.log[-4000:]}"
        return self._process.exitcode

    def last_line(self) -> dict[str, Any]:
        """What it said when it ended."""
        (line,) = self.lines("stopped")
        return line

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


@contextmanager
def forked(role: str, settings: Settings, sabotage: str | None = None, **variables: str) -> Iterator[Forked]:
    """A process that runs inside the block, and is gone behind it."""
    process = Forked(role, settings, sabotage, **variables)
    try:
        yield process
    finally:
        process.kill()


def changed(settings: Settings, section: str, **values: Any) -> Settings:
    """The same settings but for some values of one section, which count as set."""
    whole = {**getattr(settings, section).model_dump(exclude_unset=True), **values}
    return Settings.model_validate({**settings.model_dump(exclude_unset=True), section: whole})
