"""Kills workers in the middle of the replay, to show that nothing is lost."""

from collections.abc import Callable, Sequence

from infra.demo.processes import Processes


class Chaos:
    """Kills each role once, evenly over the replay.

    Attributes:
        kills: role -> how often it was killed.
    """

    def __init__(self, roles: Sequence[str], processes: Processes, note: Callable[[str], None]) -> None:
        self.kills: dict[str, int] = {}
        self._left, self._parts = list(roles), len(roles) + 1
        self._processes, self._note = processes, note

    def look(self, progress: float) -> None:
        """Kill the next role if its share of the replay, 0 to 1, is reached."""
        while self._left and progress >= (self._parts - len(self._left)) / self._parts:
            role = self._left.pop(0)
            pid = self._processes.kill(role)
            if not pid:
                self._note(f"the {role} was already down when it was to be killed")
                continue
            self.kills[role] = self.kills.get(role, 0) + 1
            self._note(f"killed the {role} (kill -9 {pid}) at {progress:.0%} of the replay")
