"""How late it is: by the wall clock, and in the stream."""

import time
from collections.abc import Callable, Sequence


def now_ms() -> int:
    """Wall clock, ms since 1970."""
    return time.time_ns() // 1_000_000


class StreamTime:
    """The latest time of any positive, but never later than the wall clock.

    Ages count from it, so that recorded events that are replayed do not look as if everybody had been away for years.
    In a stream of now it is behind the wall clock by the time since anybody liked anything.

    >>> stream = StreamTime(lambda: 1000)
    >>> stream.saw([400, 700]); stream.now
    700
    >>> stream.saw([9999]); stream.now
    1000
    """

    def __init__(self, clock: Callable[[], int] = now_ms) -> None:
        """`clock`: wall clock in ms."""
        self._clock = clock
        self._latest: int | None = None

    def saw(self, times: Sequence[int]) -> None:
        """Somebody liked something at these times, oldest first."""
        if times and (self._latest is None or times[-1] > self._latest):
            self._latest = times[-1]

    @property
    def now(self) -> int | None:
        """Milliseconds since 1970; None while nobody has liked anything."""
        return None if self._latest is None else min(self._latest, self._clock())

    def ages(self, times: Sequence[int]) -> list[float]:
        """Seconds since each time, never below 0; none while it is not known how late it is."""
        now = self.now
        return [] if now is None else [max(now - time, 0) / 1000 for time in times]
