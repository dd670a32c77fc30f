"""A child process that cannot be left behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from infra import leash
from infra.signals import wait

SPAWN_DEADLINE_S = 10.0
LAST_LINES_S = 1.0  # for what a child wrote before it died; not for ever, a child of its own may hold the pipe open
LONGEST_LINE = 65_536


class Child:
    """One run of a command, in a session of its own so that Ctrl-C reaches only us, and we end it in our order.

    A leashed child dies with this process, whatever ends it. The kernel ties that to the thread that started the child,
    hence each child has a thread that starts it and lives until it has ended.

    Attributes:
        pid: of the running command itself; 0 before `start`.
        code: exit status once it has ended, negative for a signal.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        leashed: bool = True,
        output: IO[bytes] | None = None,
        on_line: Callable[[str], None] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.pid = 0
        self.code: int | None = None
        self._command = (
            [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *command] if leashed else [*command]
        )
        self._env, self._output, self._on_line, self._fds = env, output, on_line, tuple(pass_fds)
        self._spawned, self._ended = threading.Event(), threading.Event()
        self._reaping = threading.Lock()
        self._failure: OSError | None = None

    def start(self) -> "Child":
        """Start the command; OSError when it cannot be executed."""
        threading.Thread(target=self._run, name=f"child {Path(self._command[0]).name}", daemon=True).start()
        if not self._spawned.wait(SPAWN_DEADLINE_S):
            raise TimeoutError(f"{self._command[0]} did not start within {SPAWN_DEADLINE_S:g} s")
        if self._failure:
            raise self._failure
        return self

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.pid != 0 and not self._ended.is_set()

    def wait(self, timeout: float) -> int | None:
        """Exit status once it has ended, None when it has not within `timeout` seconds."""
        wait(self._ended, timeout)
        return self.code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        with self._reaping:  # else the pid could be another process's by now
            if self.running:
                os.kill(self.pid, number)

    def stop(self, grace: float) -> int | None:
        """Ask it to end; kill it after `grace` seconds."""
        self.signal(signal.SIGTERM)
        if self.wait(grace) is None:
            self.signal(signal.SIGKILL)
        return self.wait(SPAWN_DEADLINE_S)

    def _run(self) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is ours
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self._on_line else self._output,
                stderr=subprocess.STDOUT if self._on_line or self._output else None,
                env=dict(self._env) if self._env is not None else None,
                start_new_session=True,
                pass_fds=self._fds,
            )
        except OSError as error:
            self._failure = error
            self._spawned.set()
            return
        self.pid = process.pid
        self._spawned.set()
        reader = self._read(process)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        if reader:
            reader.join(LAST_LINES_S)
        with self._reaping:
            self.code = process.wait()
            self._ended.set()

    def _read(self, process: subprocess.Popen[bytes]) -> threading.Thread | None:
        if self._on_line is None:
            return None
        reader = threading.Thread(target=_pump, args=(process.stdout, self._on_line), daemon=True)
        reader.start()
        return reader


def _pump(stream: IO[bytes], on_line: Callable[[str], None]) -> None:
    with stream:
        while line := stream.readline(LONGEST_LINE):
            on_line(line.decode(errors="replace").rstrip("\r\n"))
