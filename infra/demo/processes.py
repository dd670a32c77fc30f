"""The stack as the demonstration sees it: processes that use time, die and come back."""

import os
from collections.abc import Mapping

from infra.stack import Stack


class Processes:
    """Processes of a running stack by role; indexers count as one role."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def pids(self) -> Mapping[str, list[int]]:
        """Role -> ids of its running processes, ours among them."""
        found: dict[str, list[int]] = {"demo": [os.getpid()]}
        for name in self._stack.roles:
            pid = self._stack.pid(name)
            if pid:
                found.setdefault(_role(name), []).append(pid)
        return found

    def restarts(self) -> Mapping[str, int]:
        """Role -> how often a process of it was started again."""
        found: dict[str, int] = {}
        for name in self._stack.roles:
            found[_role(name)] = found.get(_role(name), 0) + self._stack.restarts(name)
        return found

    def kill(self, role: str) -> int:
        """End one process of a role as a power failure would (SIGKILL); its id, 0 when none runs."""
        for name in self._stack.roles:
            process = self._stack.process(name) if _role(name) == role else None
            if process:
                process.kill()
                return process.pid
        return 0


def _role(name: str) -> str:
    return name.partition("-")[0]
