"""Whether this process gets a processor when it wants one."""

import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

LEAST = 0.1
TASKS = Path("/proc/self/task")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class _Thread(NamedTuple):
    runnable: bool
    used_s: float


class Supply:
    """Compares, thread by thread, the processor time that was used with the time that passed.

    A thread that could run both times that it was looked at, and did so for a tenth of the time in between, got as much
    done as otherwise in a tenth of it. Threads that wait for something say nothing. Where the kernel does not tell, all
    is well.
    """

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._before = _threads()

    def share(self) -> float:
        """Of what the worst supplied thread wanted since the last call; 1 for all of it, a tenth at least."""
        now, threads = time.monotonic(), _threads()
        passed_s = now - self._at
        used = [
            thread.used_s - self._before[name].used_s
            for name, thread in threads.items()
            if thread.runnable and name in self._before and self._before[name].runnable
        ]
        self._at, self._before = now, threads
        return max(LEAST, min(1.0, (min(used, default=passed_s) + TICK_S) / max(passed_s, TICK_S)))


def _threads() -> dict[str, _Thread]:
    """All but the one that asks, which runs by definition."""
    own = str(threading.get_native_id())
    found = {}
    for path in TASKS.glob("[0-9]*/stat"):
        name = path.parent.name
        try:
            fields = path.read_bytes().rpartition(b") ")[2].split()
        except OSError:
            continue  # it has ended
        if name != own:
            found[name] = _Thread(fields[0] == b"R", TICK_S * (int(fields[11]) + int(fields[12])))
    return found
