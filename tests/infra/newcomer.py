"""Somebody at two terminals: `svq up` in the first, commands in the second."""

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from infra import cli
from infra.ports import free_port

DEADLINE_S = 330.0  # more than any command of the page may take


class Tried(NamedTuple):
    """What came of a command."""

    code: int
    out: str
    err: str


class Up:
    """`svq up` in the first terminal; what it writes is in a file."""

    def __init__(self, command: str, folder: Path, environment: dict[str, str]) -> None:
        self._log = folder / "up.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command.split(), cwd=folder, env=environment, stderr=log, stdout=subprocess.DEVNULL
            )

    @property
    def lines(self) -> list[str]:
        """What it has written, whole lines."""
        return self._log.read_text(errors="replace").rpartition("\n")[0].splitlines()

    def until_ready(self) -> None:
        """Return once it says so."""
        end = time.monotonic() + DEADLINE_S
        while not any(" ready: " in line for line in self.lines):
            assert self._process.poll() is None, "\n".join(self.lines)
            assert time.monotonic() < end, "\n".join(self.lines)
            time.sleep(0.2)

    def stop(self) -> None:
        """As Ctrl-C would."""
        self._process.terminate()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            self._process.wait()


class Newcomer:
    """Types commands in a folder of their own; the stack uses the tests' Kafka and a free port."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.folder = folder
        self.printed: dict[str, str] = {}
        self._up: Up | None = None
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SVQ_")} | {
            "PATH": programs,
            "SVQ_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "SVQ_KAFKA__PREFIX": prefix,
            "SVQ_KAFKA__PARTITIONS": "2",
            "SVQ_SERVER__PORT": str(free_port()),
            "SVQ_DATA": str(folder / "data"),
        }

    def types(self, command: str) -> str:
        """What a command of the page prints, in a shell of its own; it has to succeed."""
        if command == "svq up":
            self._up = Up(command, self.folder, self.environment)
            self._up.until_ready()
            return ""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        up = "" if self._up is None else "\n".join(self._up.lines[-30:])
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}\n{up}"
        self.printed[command] = done.stdout
        return done.stdout

    def tries(self, *words: str, **environment: str) -> Tried:
        """A command that may fail, in this process: what it needs is imported once."""
        out, err = io.StringIO(), io.StringIO()
        set_there = {name: value for name, value in self.environment.items() if name.startswith("SVQ_")}
        with (
            mock.patch.dict(os.environ, set_there | environment),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = cli.run(words)
        return Tried(code, out.getvalue(), err.getvalue())

    def does(self, *words: str) -> str:
        """What such a command prints; it has to succeed."""
        done = self.tries(*words)
        assert done.code == 0, (words, done)
        return done.out

    def json(self, *words: str) -> Any:
        """The same as JSON."""
        return json.loads(self.does(*words, "--json"))

    def end(self) -> None:
        """Leave both terminals."""
        if self._up is not None:
            self._up.stop()
