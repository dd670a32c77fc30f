"""Ids as numbers. 7, 7.0 and " 7" are one id: files disagree about the type of one and the same id."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.data.errors import InputError
from pipeline.arrays import Ints

NONE = -1


class Numbering:
    """Numbers ids in the order in which they come; a missing or empty id is NONE."""

    def __init__(self) -> None:
        self._parts: list[pa.Array] = []
        self._ids = pa.array([], pa.large_string())

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> pa.LargeStringArray:
        """Id of each number."""
        return self._ids

    def collect(self, column: pa.Array, what: str) -> None:
        """Take the next rows of a column of ids.

        Raises:
            InputError: the column holds no ids.
        """
        self._parts.append(_plain(column, what))

    def number(self) -> Ints:
        """Numbers of all rows collected; these are the first ids."""
        column = pa.chunked_array(self._parts).combine_chunks()
        self._parts.clear()
        encoded = column.dictionary_encode()
        self._ids = encoded.dictionary.cast(pa.large_string())
        return _numbers(encoded.indices)

    def extend(self, column: pa.Array, what: str) -> None:
        """Give numbers to those of more ids that have none."""
        ids = _plain(column, what).cast(pa.large_string()).unique().drop_null()
        new = ids.filter(pc.invert(pc.is_in(ids, self._ids)))
        self._ids = pa.concat_arrays([self._ids, new])

    def known(self, column: pa.Array, what: str) -> Ints:
        """Numbers of a column of ids; NONE for those without."""
        return _numbers(pc.index_in(_plain(column, what).cast(pa.large_string()), self._ids, skip_nulls=True))


def _plain(column: pa.Array, what: str) -> pa.Array:
    """Whole numbers, or text without blanks around it; null for what is no id."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return column.cast(pa.int64())
    if pa.types.is_nested(kind):
        raise InputError(f"column {what} holds {kind}: it must hold one number or text a row")
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
    text = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
    if pc.any(pc.ends_with(text, ".0")).as_py():
        text = pc.replace_substring_regex(text, r"^(-?\d+)\.0$", r"\1")
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)


def _numbers(indices: pa.Array) -> Ints:
    numbers: Ints = indices.fill_null(NONE).to_numpy(zero_copy_only=False).astype(np.int32)
    return numbers
