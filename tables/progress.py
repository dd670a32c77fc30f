"""How far a restore is. /readyz and /metrics say so, and who watches over the process ends it when nothing moves."""

import time
from collections.abc import Callable


class Progress:
    """Of one shard, from its fence until it is ready. Counted in offsets: a compacted topic has fewer records.

    >>> seconds = iter([0.0, 2.0])
    >>> progress = Progress(now=lambda: next(seconds, 4.0))
    >>> progress.begin("its tables", total=600)
    >>> progress.reach(left=200)
    >>> str(progress)
    'its tables: 200 of 600 left, 2 s'

    Attributes:
        what: what is waited for at the moment.
        total, left: offsets to be read for that, and those not read yet; 0 where nothing can be counted.
        held: why it stands still, where that is known; forgotten when it moves.
        moves: grows whenever anything has moved: who sees the same number for long sees a restore that stands still.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.what, self.held = "its turn", ""
        self.total = self.left = self.moves = 0
        self._now = now
        self._begun = now()

    def begin(self, what: str, total: int = 0) -> None:
        """Something else is waited for from now on."""
        self.what, self.total, self.left = what, total, total
        self._begun = self._now()
        self.moves += 1

    def reach(self, left: int) -> None:
        """So much is left; the same number as before is no move."""
        if left != self.left:
            self.moves, self.held = self.moves + 1, ""
        self.left = left

    def touch(self) -> None:
        """Something has moved that is not counted."""
        self.moves += 1

    @property
    def a_second(self) -> float:
        """Offsets a second so far."""
        seconds = self._now() - self._begun
        return (self.total - self.left) / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at this rate; None where that is not known yet."""
        rate = self.a_second
        return self.left / rate if rate else None

    def __str__(self) -> str:
        if not self.total:
            return self.what
        seconds = self.seconds_left
        when = f", {seconds:.0f} s" if seconds else ""
        return f"{self.what}: {self.left:,} of {self.total:,} left{when}" + (f" ({self.held})" if self.held else "")
