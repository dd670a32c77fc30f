"""Decayed counts that really decay at every event."""

from collections.abc import Sequence


class Counts:
    def __init__(self, half_life: float) -> None:
        self.half_life = half_life
        self.counts: dict[str, float] = {}
        self.mass = 0.0

    def add(self, items: Sequence[str], initial: float) -> None:
        """Time passes by one batch, then its exposures count."""
        factor = 0.5 ** (len(items) / self.half_life)
        self.counts = {item: count * factor for item, count in self.counts.items()}
        self.mass = self.mass * factor + len(items)
        for item in items:
            self.counts[item] = self.counts.get(item, initial) + 1
