"""Every process that was started during a run, and whether any is left."""

import psutil

from infra.supervised import StackEvent


class Started:
    """Told of each start; called from several threads."""

    def __init__(self) -> None:
        self._processes: list[tuple[str, psutil.Process]] = []

    def event(self, event: StackEvent) -> None:
        """Take note of a start."""
        if event.kind == "started":
            try:
                self._processes.append((event.role, psutil.Process(event.pid)))
            except psutil.NoSuchProcess:
                return  # gone already

    def left(self) -> list[str]:
        """Those that still run, and whatever they or we have started."""
        known = [f"{role} (pid {process.pid})" for role, process in self._processes if _runs(process)]
        below = [f"{child.name()} (pid {child.pid})" for child in psutil.Process().children(recursive=True)]
        return sorted({*known, *below})


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
