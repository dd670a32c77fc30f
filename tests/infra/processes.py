"""What the tests of processes need: waiting with a deadline, and looking at processes by id."""

import time
from collections.abc import Callable

import psutil


def until(condition: Callable[[], object], deadline: float = 15.0) -> None:
    """Return once the condition holds; fail after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"not within {deadline:g} s"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
