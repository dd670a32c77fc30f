"""What the publisher knows: which records Kafka acknowledged, which it never may show, which are in doubt."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from zlib import crc32

from infra.chaos.events import Sent


def mark(partition: int, key: bytes | None, value: bytes | None) -> int:
    """What a record is recognised by."""
    return crc32(value if value is not None else b"\0null", crc32(key or b"", partition))


@dataclass(slots=True)
class Ledger:
    """Notes of one publisher.

    Attributes:
        acknowledged: (topic, partition) -> offset -> mark. Kafka has promised these.
        poison: (topic, partition, offset, place in the array or -1) of what cannot be taken.
        doubtful: marks of records that Kafka may have or not: the answer never came.
        events: exposures acknowledged.
        aborted: records of transactions that were aborted.
    """

    acknowledged: dict[tuple[str, int], dict[int, int]] = field(default_factory=dict)
    poison: set[tuple[str, int, int, int]] = field(default_factory=set)
    doubtful: Counter[int] = field(default_factory=Counter)
    events: int = 0
    aborted: int = 0

    def acknowledge(self, sent: Sent, offset: int, *, exposures: bool) -> None:
        """Kafka has this record, there."""
        place = (sent.topic, sent.partition)
        self.acknowledged.setdefault(place, {})[offset] = mark(sent.partition, sent.key, sent.value)
        self.poison.update((*place, offset, index) for index in sent.poison)
        self.events += sent.events if exposures else 0

    def doubt(self, records: Iterable[Sent]) -> None:
        """Nobody said what became of these."""
        self.doubtful.update(mark(sent.partition, sent.key, sent.value) for sent in records)
