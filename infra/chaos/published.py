"""What was published, read from Kafka, and what must have come of it by the product's own rules."""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import inf

from streamvq_client.partitioner import partition_of
from streamvq_client.record import Record

from infra.chaos.events import WHOLE
from infra.chaos.ledger import mark
from pipeline.histories import Histories, HistoryState
from schemas.commit import Commit
from schemas.events import Candidate, EventError, decode_candidate, decode_exposures

LetterPlace = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Published:
    """Both topics of the applications, and what the rules make of them.

    Attributes:
        events: exposures, taken or not.
        of_item: exposures taken, by item.
        learnt: exposures taken, up to the trainer's last commit.
        histories: of every user with a positive, by what was learnt; a user who was erased begins anew.
        refused: (topic, partition, offset, place in the array or -1) of what belongs into the dead letters.
        last: item -> its last candidate, None for a deletion.
        ever_deleted: items that were deleted at some time.
        sent_home: marks that candidates at a wrong partition have once they were sent to the right one.
        marks: (topic, partition) -> offset -> what the record is recognised by.
    """

    events: int
    of_item: Counter[str]
    learnt: int
    histories: Mapping[str, HistoryState]
    refused: set[LetterPlace]
    last: Mapping[str, Candidate | None]
    ever_deleted: set[str]
    sent_home: Counter[int]
    marks: Mapping[tuple[str, int], Mapping[int, int]]


class Folding:
    """Folds records up, those of a partition in order.

    Args:
        tasks: names that labels may have.
        partitions: of both topics.
        history: positives kept of a user.
        commit: how far the trainer has learnt.
    """

    def __init__(self, tasks: AbstractSet[str], partitions: int, history: int, commit: Commit) -> None:
        self._tasks, self._partitions, self._commit = tasks, partitions, commit
        self._histories = Histories(history)
        self._events = self._learnt = 0
        self._of_item: Counter[str] = Counter()
        self._refused: set[LetterPlace] = set()
        self._last: dict[str, Candidate | None] = {}
        self._ever_deleted: set[str] = set()
        self._sent_home: Counter[int] = Counter()
        self._marks: dict[tuple[str, int], dict[int, int]] = {}

    def exposures(self, record: Record) -> None:
        """Add a record of exposures."""
        self._mark(record)
        # The broker's time of arrival, as in the trainer.
        taken, rejected = decode_exposures(record.value, record.key, record.timestamp, self._tasks)
        self._refused.update(
            (record.topic, record.partition, record.offset, WHOLE if one.index is None else one.index)
            for one in rejected
        )
        self._events += len(taken) + len(rejected)
        self._of_item.update(exposure.item_id for exposure in taken)
        refused = {one.index or 0 for one in rejected}
        places = [place for place in range(len(taken) + len(rejected)) if place not in refused]
        done = self._elements_done(record)
        if record.value is None and not rejected and done:
            self._histories.erase((record.key or b"").decode())
        learnt = [exposure for place, exposure in zip(places, taken, strict=True) if place < done]
        self._learnt += len(learnt)
        for exposure in learnt:
            if any(label > 0 for label in exposure.labels.values()):
                self._histories.append(exposure.user_id, exposure.item_id, exposure.timestamp)

    def candidate(self, record: Record) -> None:
        """Add a record of candidates."""
        self._mark(record)
        try:
            decoded = decode_candidate(record.key, record.value, record.timestamp)
        except EventError:
            self._refused.add((record.topic, record.partition, record.offset, WHOLE))
            return
        item = decoded.item_id
        home = partition_of(item.encode(), self._partitions)
        if home != record.partition:
            self._sent_home[mark(home, item.encode(), record.value)] += 1
            return
        self._last[item] = decoded if isinstance(decoded, Candidate) else None
        if self._last[item] is None:
            self._ever_deleted.add(item)

    def published(self) -> Published:
        """What all of them come to; nothing may be added afterwards."""
        return Published(
            self._events,
            self._of_item,
            self._learnt,
            {user: state for user, state in self._histories.take_dirty().items() if state.items},
            self._refused,
            self._last,
            self._ever_deleted,
            self._sent_home,
            self._marks,
        )

    def _elements_done(self, record: Record) -> float:
        """How many elements of a record the model has learnt from."""
        reached = self._commit.offsets.get(record.partition, 0)
        if record.offset == reached:
            return self._commit.within.get(record.partition, 0)
        return inf if record.offset < reached else 0

    def _mark(self, record: Record) -> None:
        marks = self._marks.setdefault((record.topic, record.partition), {})
        marks[record.offset] = mark(record.partition, record.key, record.value)
