"""Delays seen from outside, as percentiles."""

import numpy as np

MOST = 100_000


class Latencies:
    """Delays in milliseconds; those beyond the first 100,000 are counted but not kept.

    >>> delays = Latencies()
    >>> for delay in (10.0, 20.0, 30.0):
    ...     delays.add(delay)
    >>> delays.summary()
    {'p50': 20.0, 'p99': 29.8, 'n': 3, 'late': 0}
    """

    def __init__(self) -> None:
        self._seen: list[float] = []
        self._late = 0

    def __len__(self) -> int:
        return len(self._seen) + self._late

    def add(self, delay_ms: float) -> None:
        """One delay."""
        if len(self._seen) < MOST:
            self._seen.append(delay_ms)

    def give_up(self) -> None:
        """One probe that reached its deadline: it stays out of the percentiles and is shown beside them."""
        self._late += 1

    def percentile(self, share: float) -> float | None:
        """Percentile `share` in ms; None when nothing was measured."""
        return round(float(np.percentile(self._seen, share)), 1) if self._seen else None

    def summary(self) -> dict[str, float | int | None]:
        """For the report."""
        return {"p50": self.percentile(50), "p99": self.percentile(99), "n": len(self._seen), "late": self._late}
