"""Had the model in force learnt from a record already? Told by Kafka's own times, of one clock."""

from collections import deque
from typing import Final, NamedTuple

from schemas.commit import Commit

KEPT: Final = 4096
MARGIN_MS: Final = 1


class _Closed(NamedTuple):
    version: int
    time: int
    publish_ms: float


class Learnt:
    """Versions and when Kafka took the record that closes each.

    A version's model, the histories it changes and its commit are one transaction, and a trainer publishes one after
    the other. What Kafka took after the transaction of a version was over belongs to a later one. It was over at the
    latest when the commit of the next version came, or when it had taken as long as that commit says.

    >>> learnt = Learnt()
    >>> commit = Commit(version=5, clock=0, offsets={}, config_hash="", time_ms=0)
    >>> learnt.closed(commit, 1000)
    >>> print(learnt.precedes(5, 1200))
    None
    >>> learnt.closed(Commit(version=6, clock=0, offsets={}, config_hash="", time_ms=0, publish_ms=40.0), 1250)
    >>> learnt.precedes(5, 1200), learnt.precedes(5, 1030)
    (True, False)
    """

    def __init__(self) -> None:
        self._closed: deque[_Closed] = deque(maxlen=KEPT)

    def closed(self, commit: Commit, time_ms: int) -> None:
        """A version was closed by a record that Kafka took at this time."""
        self._closed.append(_Closed(commit.version, time_ms, commit.publish_ms))

    def forget(self, before: int) -> None:
        """Nobody will ask about versions before this one any more."""
        while len(self._closed) > 1 and self._closed[1].version <= before:
            self._closed.popleft()

    def precedes(self, version: int, time_ms: int) -> bool | None:
        """Whether a record that Kafka took then is certainly of a later version; None while the next is not known."""
        own: _Closed | None = None
        for closed in self._closed:
            if closed.version == version:
                own = closed
            elif closed.version > version:
                over = closed.time if own is None else min(closed.time, own.time + closed.publish_ms + MARGIN_MS)
                return time_ms >= over
        return None
