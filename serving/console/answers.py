"""How fast questions were answered since somebody last looked."""

from typing import Final

import numpy as np

MOST: Final = 4096
RETRIEVE: Final = "/v1/retrieve"


class AnswerTimes:
    """Counts answers for ever, and keeps the times of those since the last look.

    >>> times = AnswerTimes()
    >>> times.request("/v1/retrieve", 200, 0.002); times.request("/v1/items", 200, 5.0)
    >>> times.take(), times.take()
    ((1, 2.0, 2.0), (1, None, None))
    """

    def __init__(self) -> None:
        self._count = 0
        self._seconds: list[float] = []

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was handled."""
        if route.startswith(RETRIEVE) and status == 200:
            self._count += 1
            if len(self._seconds) < MOST:
                self._seconds.append(seconds)

    def take(self) -> tuple[int, float | None, float | None]:
        """Answers so far; median and 99th percentile of those since the last call, ms."""
        seconds, self._seconds = self._seconds, []
        if not seconds:
            return self._count, None, None
        p50, p99 = np.percentile(np.array(seconds) * 1000, [50, 99])
        return self._count, round(float(p50), 3), round(float(p99), 3)
