"""Which items cross an age limit when the time moves."""

import heapq
from typing import Final

_SLACK: Final = 64


class Ages:
    """Items on both sides of a time of publication, which may move in either direction.

    A move costs what the items that cross it cost, and a logarithm.

    >>> ages = Ages()
    >>> [ages.put(name, published) for name, published in (("a", 10), ("b", 20))]
    [True, True]
    >>> ages.move(15), ages.move(5)
    ((['a'], []), ([], ['a']))
    """

    def __init__(self) -> None:
        self._oldest: float = float("-inf")
        self._published: dict[str, int] = {}
        self._young: list[tuple[int, str]] = []
        self._old: list[tuple[int, str]] = []  # by time descending

    def put(self, name: str, published: int) -> bool:
        """Add an item, or change its time, ms since 1970; whether it is young enough."""
        if self._published.get(name) != published:
            self._published[name] = published
            self._push(published, name)
            if len(self._young) + len(self._old) > 2 * len(self._published) + _SLACK:
                self._rebuild()
        return published >= self._oldest

    def remove(self, name: str) -> None:
        """Forget an item, if it is known."""
        self._published.pop(name, None)

    def move(self, oldest: int) -> tuple[list[str], list[str]]:
        """Items published before are too old from now on; those that have become so, and those that no longer are."""
        self._oldest = oldest
        aged, young = [], []
        while self._young and self._young[0][0] < oldest:
            aged.append(heapq.heappop(self._young))
        while self._old and -self._old[0][0] >= oldest:
            published, name = heapq.heappop(self._old)
            young.append((-published, name))
        for published, name in (*aged, *young):
            self._push(published, name)
        return self._present(aged), self._present(young)

    def _push(self, published: int, name: str) -> None:
        if published >= self._oldest:
            heapq.heappush(self._young, (published, name))
        else:
            heapq.heappush(self._old, (-published, name))

    def _present(self, entries: list[tuple[int, str]]) -> list[str]:
        """Names without those of items that are gone or got another time."""
        return list(dict.fromkeys(name for published, name in entries if self._published.get(name) == published))

    def _rebuild(self) -> None:
        self._young, self._old = [], []
        for name, published in self._published.items():
            self._push(published, name)
