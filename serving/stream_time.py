"""How late it is: by the wall clock, and in the stream."""

import time
from collections.abc import Callable, Sequence
from typing import Final

WITNESSES: Final = 2
"""Users who must have got somewhere in time for the stream to be there."""


def now_ms() -> int:
    """Wall clock, ms since 1970."""
    return time.time_ns() // 1_000_000


class StreamTime:
    """The latest time that two users have reached with a positive, but never later than the wall clock.

    Ages count from it, so that recorded events that are replayed do not look as if everybody had been away for years.
    In a stream of now it is behind the wall clock by the time since others liked anything.

    Events may lie up to a day ahead of the clock, and anything is ahead of a replay of old ones. One user alone does
    not move the time, or a single wrong date would make every item too old and everybody long away until the stream
    gets there.

    >>> stream = StreamTime(lambda: 1000)
    >>> stream.saw("a", [400, 700]); stream.saw("b", [600]); stream.now
    600
    >>> stream.saw("b", [9999]); stream.now
    700
    >>> stream.saw("a", [9999]); stream.now
    1000
    """

    def __init__(self, clock: Callable[[], int] = now_ms) -> None:
        """`clock`: wall clock in ms."""
        self._clock = clock
        self._latest: dict[str, int] = {}

    def saw(self, user: str, times: Sequence[int]) -> None:
        """This user liked something at these times, oldest first."""
        if not times:
            return
        latest = self._latest
        latest[user] = max(times[-1], latest.get(user, times[-1]))
        if len(latest) > WITNESSES:
            del latest[min(latest, key=latest.__getitem__)]

    @property
    def now(self) -> int | None:
        """Milliseconds since 1970; None while fewer than two users have liked anything."""
        return min(*self._latest.values(), self._clock()) if len(self._latest) == WITNESSES else None

    def ages(self, times: Sequence[int]) -> list[float]:
        """Seconds since each time, never below 0; none while it is not known how late it is."""
        now = self.now
        return [] if now is None else [max(now - time, 0) / 1000 for time in times]
