"""Lines of several processes on one terminal: the role in front, in a colour of its own."""

import sys
import threading
from typing import TextIO

from infra.colours import coloured

COLOURS = (36, 33, 32, 35, 34, 31)
WIDTH = 10


class Console:
    """Writes whole lines, from any thread."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._coloured = coloured(self._stream)
        self._lock = threading.Lock()
        self._order: dict[str, int] = {}

    def line(self, role: str, line: str) -> None:
        """Write one line of a role."""
        with self._lock:
            number = self._order.setdefault(role, len(self._order))
            name = f"{role:<{WIDTH}}"
            if self._coloured:
                name = f"\x1b[{COLOURS[number % len(COLOURS)]}m{name}\x1b[0m"
            self._stream.write(f"{name} {line}\n")
            self._stream.flush()
