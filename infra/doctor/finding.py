"""What was found about one thing."""

from dataclasses import dataclass
from typing import Literal

from schemas.errors import StreamVQError

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what mends it.

    Attributes:
        status: `failed` is what ends or misleads a process; `warning` what to know; `skipped` was not looked at.
        remedy: empty where nothing has to be done.
        exit_code: of a command that meets it; 0 unless it failed.
    """

    check: str
    status: Status
    said: str
    remedy: str = ""
    exit_code: int = 0


def ok(check: str, said: str) -> Finding:
    """It is as it must be."""
    return Finding(check, "ok", said)


def warning(check: str, said: str, remedy: str) -> Finding:
    """It works so, but should not stay so."""
    return Finding(check, "warning", said, remedy)


def failed(check: str, said: str, remedy: str, kind: type[StreamVQError]) -> Finding:
    """It does not work so; `kind` is the error that a command ends with."""
    return Finding(check, "failed", said, remedy, kind.exit_code)


def skipped(check: str, said: str) -> Finding:
    """It was not looked at."""
    return Finding(check, "skipped", said)


def from_error(check: str, error: StreamVQError) -> Finding:
    """A message of ours: its first line says what is wrong, the others what to do."""
    said, _, remedy = str(error).partition("\n")
    return failed(check, said, remedy or "See docs/running.md", type(error))
