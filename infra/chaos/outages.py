"""How long each part stood still, from the times at which it moved."""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(slots=True)
class Movement:
    """One source partition, or one server: when it made progress, in seconds of the run.

    >>> movement = Movement()
    >>> for at in (1.0, 2.0, 9.0, 10.0):
    ...     movement.moved(at)
    >>> movement.still(since=3.0, until=20.0), movement.longest(until=10.5)
    (6.0, 7.0)
    """

    moves: list[float] = field(default_factory=list)

    def moved(self, at: float) -> None:
        """It moved then; times grow."""
        self.moves.append(at)

    def still(self, since: float, until: float) -> float:
        """The longest time without a move that overlaps `since` to `until`, not counting what came before `since`.

        A gap that goes on at `until` is counted to its end, if that is known.
        """
        first = bisect_right(self.moves, since)
        times = [since, *self.moves[first : bisect_right(self.moves, until) + 1]]
        return max((after - before for before, after in pairwise(times)), default=0.0)

    def longest(self, until: float) -> float:
        """The longest time without a move; what has not ended by `until` counts."""
        times = [*self.moves, until] if self.moves else []
        return max((after - before for before, after in pairwise(times)), default=0.0)
