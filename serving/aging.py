"""Which items have become too old, without looking at all of them."""

import heapq
from collections.abc import Iterable


class Aging:
    """Slots by time of publication.

    A slot that got another time is here twice, and one whose item is gone still is: the caller looks at its row. One
    that is added again as it was, as with every new price of an item, is here once.

    >>> aging = Aging()
    >>> aging.add([(30, 1), (10, 2), (20, 3)])
    >>> aging.before(25), aging.before(25)
    ([2, 3], [])
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int]] = []
        self._known: set[tuple[int, int]] = set()

    def __len__(self) -> int:
        """Entries that wait."""
        return len(self._waiting)

    def add(self, published: Iterable[tuple[int, int]]) -> None:
        """Times, ms since 1970, and slots."""
        for entry in published:
            if entry not in self._known:
                self._known.add(entry)
                heapq.heappush(self._waiting, entry)

    def before(self, oldest: int) -> list[int]:
        """Slots published before a time; each is told of once."""
        slots: list[int] = []
        while self._waiting and self._waiting[0][0] < oldest:
            entry = heapq.heappop(self._waiting)
            self._known.remove(entry)
            slots.append(entry[1])
        return slots
