"""What items were published with, by attribute: columns that filters and quotas read."""

from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from streamvq_client.rows import ItemRow

from pipeline.attribute_column import AttributeColumn

MOST_COLUMNS: Final = 64
"""Columns kept; of a million items one has 12 MB, and more for texts that differ. The one unused longest makes room."""
SLICE: Final = 2048
"""Rows read at a time while a column is made: 1 to 5 ms."""


class Attributes:
    """Attributes of the published items, or else their features, by slot.

    A column is made when its attribute is first asked for, and follows every item from then on.

    Args:
        published: item rows by slot, None where there is none; whoever changes one calls `changed`.
    """

    def __init__(self, published: Sequence[ItemRow | None]) -> None:
        self._published = published
        self.names: Counter[str] = Counter()
        """How many items have a value of each attribute."""
        self.changes = 0
        """Grows with every item that changes: what was selected stays true until then."""
        self._columns: OrderedDict[str, AttributeColumn] = OrderedDict()
        self._reached: dict[str, int] = {}
        """Of columns being made: the first slot that was not read yet."""
        self._capacity = 64

    def changed(self, slot: int, before: ItemRow | None, after: ItemRow | None) -> None:
        """An item came, changed or went."""
        if before is not None and after is not None and _same(before, after):
            return
        self.changes += 1
        if before is not None:
            self.names.subtract(_names(before))
        if after is not None:
            self.names.update(_names(after))
        for name, column in self._columns.items():
            if slot < self._reached.get(name, slot + 1):
                column.put(slot, value_of(after, name))
        if before is not None:
            for name in _names(before):
                if not self.names[name]:
                    del self.names[name]

    def grow(self, capacity: int) -> None:
        """Have room for `capacity` slots, as the arrays of the items do."""
        self._capacity = capacity
        for column in self._columns.values():
            column.grow(capacity)

    def making(self, name: str) -> Iterator[int]:
        """Make the column of an attribute, slice by slice; yields the slots read, so that a caller can pause.

        Several may do it at once: they go on where the others are. An attribute that no item has needs no column.
        """
        if not self.names[name]:
            return
        if name not in self._columns:
            self._make_room()
            self._columns[name], self._reached[name] = AttributeColumn(self._capacity), 0
        while name in self._reached and name in self._columns:
            begin = self._reached[name]
            end = min(begin + SLICE, len(self._published))
            self._columns[name].fill(begin, [value_of(row, name) for row in self._published[begin:end]])
            if end == len(self._published):
                del self._reached[name]
            else:
                self._reached[name] = end
            yield end - begin

    def column(self, name: str) -> AttributeColumn | None:
        """The column of an attribute, made now if it is not there; None when no item has the attribute."""
        for _ in self.making(name):
            pass
        if not self.names[name]:
            self._columns.pop(name, None)
            self._reached.pop(name, None)
            return None
        self._columns.move_to_end(name)
        return self._columns[name]

    def _make_room(self) -> None:
        while len(self._columns) >= MOST_COLUMNS:
            name, _ = self._columns.popitem(last=False)
            self._reached.pop(name, None)


def value_of(row: ItemRow | None, name: str) -> Any:
    """The attribute of an item, or else the feature of that name, None when it has neither."""
    if row is None:
        return None
    return row.attributes[name] if name in row.attributes else row.features.get(name)


def _same(one: ItemRow, other: ItemRow) -> bool:
    return one.attributes == other.attributes and one.features == other.features


def _names(row: ItemRow) -> list[str]:
    """Names under which an item has a value."""
    held = [name for name, value in row.attributes.items() if value is not None and value != []]
    held += [
        name for name, value in row.features.items() if value is not None and value != [] and name not in row.attributes
    ]
    return held
