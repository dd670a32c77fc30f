"""How far the trainer is behind what was published, in purchase lines."""

from collections import deque
from collections.abc import Mapping


class Backlog:
    """Published against committed, partition by partition; a record holds many lines.

    Args:
        window: lines that may be published and not committed.
        largest: the window grows with the rate up to this; absent: it never grows.
        seconds: what a grown window holds of the rate.

    >>> backlog = Backlog(window=10)
    >>> backlog.sent(lines=8)
    >>> backlog.acknowledged(partition=0, offset=0, lines=8)
    >>> backlog.room, backlog.lag
    (2, 8)
    >>> backlog.committed({0: 1})
    >>> backlog.room, backlog.lag
    (10, 0)
    """

    def __init__(self, window: int, largest: int | None = None, seconds: float = 1.0) -> None:
        self.window = self._smallest = window
        self._largest, self._seconds = largest or window, seconds
        self.published = 0
        self.done = 0
        self._open: dict[int, deque[tuple[int, int]]] = {}

    @property
    def lag(self) -> int:
        """Lines published and not yet learned from."""
        return self.published - self.done

    @property
    def room(self) -> int:
        """Lines that may be published now."""
        return self.window - self.lag

    def sent(self, lines: int) -> None:
        """A record with so many lines is on its way to Kafka."""
        self.published += lines

    def acknowledged(self, partition: int, offset: int, lines: int) -> None:
        """Kafka has the record, there. Records of one partition are acknowledged in order."""
        self._open.setdefault(partition, deque()).append((offset, lines))

    def adapt(self, rate: float) -> None:
        """The trainer learns so many lines a second: let it be behind by a time, not by a number, within bounds."""
        self.window = round(min(max(self._seconds * rate, self._smallest), self._largest))

    def committed(self, offsets: Mapping[int, int]) -> None:
        """Partition -> first offset that the trainer has not committed."""
        for partition, offset in offsets.items():
            waiting = self._open.get(partition, deque())
            while waiting and waiting[0][0] < offset:
                self.done += waiting.popleft()[1]
