"""Batches of a fixed size out of records of any size, and the position in the stream that each batch reaches."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

Exposed = TypeVar("Exposed")
Refused = TypeVar("Refused")


class Position(NamedTuple):
    """Where a partition's stream goes on: the record at `offset`, whose first `within` elements are done.

    A record is an array of exposures and a batch holds a fixed number of them, so batches end inside records. Ending
    them between records would make their size depend on the producer's, and an array longer than a batch must be cut
    in any case; publishing only where a batch and a record happen to end together might never come.
    """

    offset: int
    within: int = 0


class Element(NamedTuple, Generic[Exposed, Refused]):
    """One element of a record: an exposure, or why it is none, or a user to be erased; of an empty array, nothing."""

    exposure: Exposed | None
    refused: Refused | None
    erased: str | None = None


class _Waiting(NamedTuple, Generic[Exposed, Refused]):
    element: Element[Exposed, Refused]
    partition: int
    reached: Position
    arrived: float


@dataclass(slots=True)
class MicroBatch(Generic[Exposed, Refused]):
    """What one step learns, and the positions reached when it has.

    Attributes:
        exposures: in order of arrival; at most the size of a batch.
        refused: elements passed over on the way.
        reached: partition -> where its stream goes on; only partitions that moved.
        erased: users to be erased once the exposures are learnt.
    """

    exposures: list[Exposed] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    reached: dict[int, Position] = field(default_factory=dict)
    erased: list[str] = field(default_factory=list)


class MicroBatches(Generic[Exposed, Refused]):
    """Elements in order of arrival, handed out in batches of `size` exposures; fewer when the oldest is overdue.

    Each batch is a prefix of what waits, so of each partition's stream too. Times are seconds of any steady clock.

    >>> batches = MicroBatches(size=2, deadline=0.5)
    >>> batches.add(0, Position(7), [Element("a", None), Element("b", None), Element("c", None)], now=0.0)
    >>> batches.take().reached
    {0: Position(offset=7, within=2)}
    >>> batches.ready(now=0.4), batches.ready(now=0.5)
    (False, True)
    >>> batches.take().reached
    {0: Position(offset=8, within=0)}
    """

    def __init__(self, size: int, deadline: float) -> None:
        self._size = size
        self._deadline = deadline
        self._waiting: deque[_Waiting[Exposed, Refused]] = deque()
        self._exposures = 0

    def __len__(self) -> int:
        """Elements that wait."""
        return len(self._waiting)

    def add(
        self, partition: int, begin: Position, elements: Sequence[Element[Exposed, Refused]], *, now: float
    ) -> None:
        """Append a record's elements from `begin` on; at least one."""
        last = len(elements) - 1
        for index, element in enumerate(elements):
            within = begin.within + index + 1
            reached = Position(begin.offset, within) if index < last else Position(begin.offset + 1)
            self._waiting.append(_Waiting(element, partition, reached, now))
            self._exposures += element.exposure is not None

    def due_at(self) -> float | None:
        """When a batch is due: long ago for a full one, None while nothing waits."""
        if self._exposures >= self._size:
            return float("-inf")
        return self._waiting[0].arrived + self._deadline if self._waiting else None

    def ready(self, now: float) -> bool:
        """Whether `take` should be called: a batch is full, or the oldest element has waited for the deadline."""
        due = self.due_at()
        return due is not None and due <= now

    def take(self) -> MicroBatch[Exposed, Refused]:
        """Up to `size` exposures and whatever lies between; refused elements right behind them go along.

        A user is erased between what came before and what comes behind: the next exposure begins another batch.
        """
        batch: MicroBatch[Exposed, Refused] = MicroBatch()
        while self._waiting:
            element, partition, reached, _ = self._waiting[0]
            if element.exposure is not None:
                if len(batch.exposures) == self._size or batch.erased:
                    break
                batch.exposures.append(element.exposure)
                self._exposures -= 1
            if element.refused is not None:
                batch.refused.append(element.refused)
            if element.erased is not None:
                batch.erased.append(element.erased)
            batch.reached[partition] = reached
            self._waiting.popleft()
        return batch

    def clear(self) -> None:
        """Forget what waits: it is read again."""
        self._waiting.clear()
        self._exposures = 0
