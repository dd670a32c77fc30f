"""Processor time of each process of the stack, also of those that were killed on the way."""

from collections.abc import Mapping

import psutil


class Meter:
    """Call `look` every second or so: what a process used since the last look before it died is lost.

    >>> import os
    >>> meter = Meter()
    >>> meter.look({"me": [os.getpid()]})
    >>> meter.seconds()["me"] > 0
    True
    """

    def __init__(self) -> None:
        self._used: dict[tuple[str, int], float] = {}

    def look(self, pids: Mapping[str, list[int]]) -> None:
        """Note what these processes have used until now; role -> process ids."""
        for role, numbers in pids.items():
            for pid in numbers:
                try:
                    times = psutil.Process(pid).cpu_times()
                except psutil.Error:
                    continue
                self._used[role, pid] = times.user + times.system

    def seconds(self) -> dict[str, float]:
        """Role -> seconds of processor time of all its processes."""
        total: dict[str, float] = {}
        for (role, _), used in self._used.items():
            total[role] = total.get(role, 0.0) + used
        return total
