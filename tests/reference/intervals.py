"""Item intervals in plain dictionaries."""

from collections.abc import Sequence


class Intervals:
    def __init__(self, rate: float, longest: float) -> None:
        self.rate, self.longest = rate, longest
        self.last: dict[str, float] = {}
        self.interval: dict[str, float] = {}

    def update(self, items: Sequence[str], now: float, first: float) -> list[float]:
        for item in set(items):
            if item not in self.last:
                value = first
            else:
                value = (1 - self.rate) * self.interval[item] + self.rate * (now - self.last[item])
            self.interval[item] = min(max(value, 1.0), self.longest)
            self.last[item] = now
        return [self.interval[item] for item in items]
