"""Processor time of each process of the stack, also of those that were killed on the way."""

from collections.abc import Mapping

import psutil


class Meter:
    """Counts from the first look on, for a process born later from its birth.

    Call `look` every second or so: what a process used since the last look before it died is lost.

    >>> import os
    >>> meter = Meter()
    >>> meter.look({"me": [os.getpid()]})
    >>> meter.seconds()
    {'me': 0.0}
    """

    def __init__(self) -> None:
        self._used: dict[tuple[str, int], float] = {}
        self._before: dict[tuple[str, int], float] | None = None

    def look(self, pids: Mapping[str, list[int]]) -> None:
        """Note what these processes have used until now; role -> process ids."""
        for role, numbers in pids.items():
            for pid in numbers:
                try:
                    times = psutil.Process(pid).cpu_times()
                except psutil.Error:
                    continue
                self._used[role, pid] = times.user + times.system
        if self._before is None:
            self._before = dict(self._used)

    def seconds(self) -> dict[str, float]:
        """Role -> seconds of processor time of all its processes."""
        total: dict[str, float] = {}
        for (role, pid), used in self._used.items():
            before = (self._before or {}).get((role, pid), 0.0)
            total[role] = total.get(role, 0.0) + used - before
        return total
