"""The values of one attribute over all items, kept so that a condition on them is a few passes over arrays."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from pipeline.arrays import Bools, Doubles, Ints, Longs
from pipeline.ids import grown
from pipeline.list_numbers import ListNumbers
from pipeline.number_bounds import EXACT, Bounds, equal, within

Scalar = bool | int | float | str


class Truth:
    """True or false as a value of an attribute, of each only one: beside them 1 and 0 are others."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


TRUE: Final = Truth("true")
FALSE: Final = Truth("false")
Key = Truth | int | float | str
"""A scalar so that equal ones are equal: 1 is 1.0, and is not true."""

_NOTHING: Final = 0
_OPAQUE: Final = ()
"""What a value is kept as that no scalar equals."""


def key_of(value: Scalar) -> Key:
    """What equal scalars have in common.

    >>> key_of(1) == key_of(1.0), key_of(1) == key_of(True)
    (True, False)
    """
    if isinstance(value, bool):
        return TRUE if value else FALSE
    return value


class AttributeColumn:
    """One place a row: numbers as they are, every other distinct value once, as an entry that rows refer to.

    A value is a text, a number, true or false, or a list of those, of which every element counts. None and an empty
    list are no value; whatever else there is, no scalar equals.

    Args:
        capacity: rows there is room for.

    >>> column = AttributeColumn(4)
    >>> column.put(0, "de"); column.put(1, ["de", 7]); column.put(2, 7.5); column.put(3, None)
    >>> column.equal_to(["de"]).tolist(), column.within(Bounds(gte=7)).tolist(), column.any().tolist()
    ([True, True, False, False], [False, True, True, False], [True, True, True, False])
    """

    def __init__(self, capacity: int) -> None:
        self._number_n: Doubles = np.full(capacity, np.nan)
        self._large_n: Longs | None = None
        """Integers that a float cannot hold exactly, 0 elsewhere; None while there are none."""
        self._entry_n: Ints = np.zeros(capacity, np.int32)
        self._entries: list[Key | tuple[Key, ...]] = [_OPAQUE]
        self._uses: list[int] = [0]
        self._entry_of: dict[Key | tuple[Key, ...], int] = {}
        self._free: list[int] = []
        self._lists_with: dict[Key, set[int]] = {}
        self._list_numbers = ListNumbers()

    @property
    def distinct(self) -> int:
        """Distinct values that are no numbers."""
        return len(self._entry_of)

    def grow(self, capacity: int) -> None:
        """Make room for rows below `capacity`."""
        self._number_n, self._entry_n = grown(self._number_n, capacity, np.nan), grown(self._entry_n, capacity)
        if self._large_n is not None:
            self._large_n = grown(self._large_n, capacity)

    def put(self, row: int, value: Any) -> None:
        """Set the value of a row; None takes it away."""
        kept = _kept(value)
        number = math.nan
        if isinstance(kept, int | float):
            number = float(kept)
            self._put_large(row, kept)
            kept = None
        self._number_n[row] = number
        entry = _NOTHING if kept is None else self._entry(kept)
        before = int(self._entry_n[row])
        if entry != before:
            self._entry_n[row] = entry
            self._uses[entry] += 1
            self._uses[before] -= 1
            if before != _NOTHING and not self._uses[before]:
                self._drop(before)

    def fill(self, begin: int, values: Sequence[Any]) -> None:
        """Set the values of rows from `begin` on that have none yet: faster than one by one."""
        entry_of, uses, others = self._entry_of, self._uses, list[int]()
        numbers, entries = [math.nan] * len(values), [_NOTHING] * len(values)
        for place, value in enumerate(values):
            kind = type(value)
            if (kind is float and -math.inf < value < math.inf) or (kind is int and -EXACT < value < EXACT):
                numbers[place] = value
            elif kind is str or kind is bool:
                key = value if kind is str else TRUE if value else FALSE
                entry = entry_of.get(key)
                if entry is None:
                    entry = self._entry(key)
                entries[place] = entry
                uses[entry] += 1
            elif value is not None:
                others.append(place)
        self._number_n[begin : begin + len(values)] = numbers
        self._entry_n[begin : begin + len(values)] = entries
        for place in others:
            self.put(begin + place, values[place])

    def equal_to(self, values: Iterable[Scalar | Key]) -> Bools:
        """Which rows are one of these scalars, or hold one, (rows,)."""
        keys = {value if isinstance(value, Truth) else key_of(value) for value in values}
        entries = [self._entry_of[key] for key in keys if key in self._entry_of]
        for key in keys:
            entries += self._lists_with.get(key, ())
        hits = self._having(entries)
        numbers = [key for key in keys if isinstance(key, int | float)]
        if numbers:
            hits |= equal(self._number_n, self._large_n, numbers)
        return hits

    def within(self, bounds: Bounds) -> Bools:
        """Which rows are a number within all bounds, or hold one, (rows,)."""
        hits = within(self._number_n, self._large_n, bounds)
        listed = self._list_numbers.within(bounds)
        return hits | self._having(listed.tolist()) if len(listed) else hits

    def any(self) -> Bools:
        """Which rows have a value, (rows,)."""
        hits: Bools = (self._entry_n != _NOTHING) | ~np.isnan(self._number_n)
        return hits

    def keys(self, row: int) -> tuple[Key, ...]:
        """The scalars of a row."""
        if not math.isnan(self._number_n[row]):
            large = 0 if self._large_n is None else int(self._large_n[row])
            return (large or float(self._number_n[row]),)
        kept = self._entries[self._entry_n[row]]
        return kept if isinstance(kept, tuple) else (kept,)

    def codes(self, rows_n: Longs) -> Longs:
        """A number a row, the same for rows with the same value, 0 for those without one, (n,)."""
        codes = self._entry_n[rows_n].astype(np.int64)
        numbers = self._number_n[rows_n]
        large = np.zeros(len(rows_n), np.int64) if self._large_n is None else self._large_n[rows_n]
        begin = len(self._entries)
        for values, where in ((numbers, ~np.isnan(numbers) & (large == 0)), (large, ~np.isnan(numbers) & (large != 0))):
            distinct, place = np.unique(values[where], return_inverse=True)
            codes[where] = begin + place
            begin += len(distinct)
        return codes

    def _having(self, entries: list[int]) -> Bools:
        if not entries:
            return np.zeros(len(self._entry_n), np.bool_)
        if len(entries) == 1:
            one: Bools = self._entry_n == entries[0]
            return one
        hits_e = np.zeros(len(self._entries), np.bool_)
        hits_e[entries] = True
        hits: Bools = hits_e[self._entry_n]
        return hits

    def _put_large(self, row: int, number: float) -> None:
        large = isinstance(number, int) and abs(number) > EXACT
        if large and self._large_n is None:
            self._large_n = np.zeros(len(self._entry_n), np.int64)
        if self._large_n is not None:
            self._large_n[row] = number if large else 0

    def _entry(self, kept: Key | tuple[Key, ...]) -> int:
        entry = self._entry_of.get(kept)
        if entry is not None:
            return entry
        if self._free:
            entry = self._free.pop()
        else:
            entry = len(self._entries)
            self._entries.append(_OPAQUE)
            self._uses.append(0)
        self._entries[entry], self._entry_of[kept] = kept, entry
        if isinstance(kept, tuple):
            for key in kept:
                self._lists_with.setdefault(key, set()).add(entry)
            numbers = [key for key in kept if isinstance(key, int | float)]
            if numbers:
                self._list_numbers.put(entry, numbers)
        return entry

    def _drop(self, entry: int) -> None:
        kept = self._entries[entry]
        if isinstance(kept, tuple):
            for key in kept:
                lists = self._lists_with[key]
                lists.discard(entry)
                if not lists:
                    del self._lists_with[key]
            self._list_numbers.remove(entry)
        del self._entry_of[kept]
        self._entries[entry] = _OPAQUE
        self._free.append(entry)


def _kept(value: Any) -> Key | tuple[Key, ...] | None:
    """What a column keeps of a value: None of no value, a tuple of a list with several scalars, () of anything else."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        keys = tuple(dict.fromkeys(key for one in value if (key := _scalar(one)) is not None))
        return keys[0] if len(keys) == 1 else (keys if keys or value else None)
    key = _scalar(value)
    return _OPAQUE if key is None else key


def _scalar(value: Any) -> Key | None:
    if isinstance(value, bool | str):
        return key_of(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else None
    return value if isinstance(value, float) and math.isfinite(value) else None
