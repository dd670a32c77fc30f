"""What tables hold, read from the beginning while something older is still in use."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from streamvq_client.record import Record
from streamvq_client.tables import is_homed

ANY: Final = -1
"""The partition of a row that has one home: which one that is may have changed."""

Place = tuple[str, int, bytes | None]
Held = Callable[[str], Iterable[tuple[int, bytes]]]
"""Partition and key of the rows that are in use, by topic; the partition counts only where every one has its share."""


class Gathered:
    """The last record of every key, and from them what must happen to the rows in use for these to be the same.

    >>> gathered = Gathered()
    >>> def record(key, value): return Record("t", 0, 0, 0, key, value)
    >>> gathered.add([record(b"a", b"1"), record(b"b", b"1"), record(b"a", b"2"), record(b"b", None)])
    >>> changes = gathered.changes(["t"], lambda topic: [(0, b"a"), (0, b"b"), (0, b"c")])
    >>> [(change.key, change.value) for change in changes if change]
    [(b'a', b'2'), (b'b', None), (b'c', None)]
    """

    def __init__(self) -> None:
        self._records: dict[Place, Record] = {}

    def add(self, records: Sequence[Record]) -> None:
        """The next ones, in the order of their topics."""
        for record in records:
            place = _place(record.topic, record.partition, record.key)
            if record.value is None:
                self._records.pop(place, None)
            else:
                self._records[place] = record

    def changes(self, topics: Iterable[str], held: Held) -> Iterator[Record | None]:
        """All rows there are, then a deletion for every row in use that is not among them, and None for one that is."""
        yield from self._records.values()
        for topic in topics:
            for partition, key in held(topic):
                here = _place(topic, partition, key) in self._records
                yield None if here else Record(topic, partition, -1, 0, key, None)


def _place(topic: str, partition: int, key: bytes | None) -> Place:
    return topic, ANY if is_homed(topic) else partition, key
