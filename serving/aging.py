"""Which items have become too old, without looking at all of them."""

import heapq
from collections.abc import Iterable


class Aging:
    """Slots by time of publication.

    A slot that was published again is here twice, and one whose item is gone still is: the caller looks at its row.

    >>> aging = Aging()
    >>> aging.add([(30, 1), (10, 2), (20, 3)])
    >>> aging.before(25), aging.before(25)
    ([2, 3], [])
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int]] = []

    def add(self, published: Iterable[tuple[int, int]]) -> None:
        """Times, ms since 1970, and slots."""
        for entry in published:
            heapq.heappush(self._waiting, entry)

    def before(self, oldest: int) -> list[int]:
        """Slots published before a time; each is told of once."""
        slots: list[int] = []
        while self._waiting and self._waiting[0][0] < oldest:
            slots.append(heapq.heappop(self._waiting)[1])
        return slots
