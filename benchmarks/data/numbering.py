"""Ids as numbers, batch after batch."""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from benchmarks.data.errors import InputError
from pipeline.arrays import Ints

WHOLE = re.compile(r"(-?\d+)\.0")
NONE = -1


class Numbering:
    """Numbers ids in the order in which they come; a missing or empty id is NONE."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def ids(self) -> list[str]:
        """Id of each number."""
        return list(self._numbers)

    def number(self, column: pa.Array, what: str) -> Ints:
        """Numbers of a column of ids; new ones get the next numbers.

        Raises:
            InputError: the column holds no ids.
        """
        encoded = encoded_column(column, what)
        numbers = self._numbers
        found = [NONE if name is None else numbers.setdefault(name, len(numbers)) for name in id_texts(encoded)]
        return _taken(found, encoded)

    def known(self, column: pa.Array, what: str) -> Ints:
        """Numbers of a column of ids; NONE for those never seen."""
        encoded = encoded_column(column, what)
        return _taken([NONE if name is None else self._numbers.get(name, NONE) for name in id_texts(encoded)], encoded)


def encoded_column(column: pa.Array, what: str) -> pa.DictionaryArray:
    """The distinct values of a column, and which of them each row has.

    Raises:
        InputError: its values are lists or structures.
    """
    if pa.types.is_nested(column.type):
        raise InputError(f"column {what} holds {column.type}: it must hold one number or text a row")
    return column.dictionary_encode()


def id_texts(encoded: pa.DictionaryArray) -> list[str | None]:
    """The distinct ids as text. 7, 7.0 and " 7" are one id: files disagree about the type of one and the same id."""
    values = encoded.dictionary
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        values = values.cast(pa.large_string())
    return [_text(value) for value in values.to_pylist()]


def _text(value: object) -> str | None:
    if value is None or value != value:  # NaN
        return None
    text = str(value).strip()
    whole = WHOLE.fullmatch(text)
    return (whole.group(1) if whole else text) or None


def _taken(values: Sequence[int], encoded: pa.DictionaryArray) -> Ints:
    table = np.array([*values, NONE], np.int32)
    taken: Ints = table[encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)]
    return taken
