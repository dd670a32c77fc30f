"""Columns of a file of items that answers carry and filters can name: its titles, brands, languages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.data.columns import ITEM, require
from benchmarks.data.errors import InputError
from benchmarks.data.numbering import NONE, Numbering
from benchmarks.data.tables import open_rows

Attributes = dict[str, dict[str, Any]]


def read_attributes(path: Path, columns: Sequence[str]) -> Attributes:
    """Item -> its values of these columns, those it has; of an item described twice the first row counts.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    rows = open_rows(path)
    key = require(rows.names, ITEM, path)
    if missing := [name for name in columns if name not in rows.names]:
        raise InputError(f"{path}: no column {missing[0]}. Its columns are {', '.join(map(repr, rows.names))}")
    ids = Numbering()
    parts: dict[str, list[pa.Array]] = {name: [] for name in columns}
    for _, batch in rows.batches():
        ids.collect(batch.column(key), key)
        for name in columns:
            parts[name].append(batch.column(name))
    if not parts[columns[0]]:
        return {}
    numbers, names = ids.number().tolist(), ids.ids.to_pylist()
    found: Attributes = {}
    values = {name: _plain(pa.chunked_array(column)) for name, column in parts.items()}
    for row, number in enumerate(numbers):
        if number != NONE and names[number] not in found:
            found[names[number]] = {name: column[row] for name, column in values.items() if column[row] is not None}
    return found


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """As JSON has it: numbers where all of a column of text are some, times as text."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        if pc.any(pc.match_substring_regex(column, r"^-?0\d")).as_py():  # 00601 is a code, not 601
            return list(column.to_pylist())
        for number in (pa.int64(), pa.float64()):
            try:
                return list(column.cast(number).to_pylist())
            except pa.ArrowInvalid:
                continue
    elif pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.string())
    return list(column.to_pylist())
