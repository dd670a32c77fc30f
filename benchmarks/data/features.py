"""What the columns of an item or user file are, from their type, their values and the end of their name.

===========================================================  ==========================================
lists of text or whole numbers                               `multi`
text that `|`, `;` or `,` splits into fewer distinct values  `multi`
text most of whose values are shared by several rows         `categorical`
text of several words                                        `multi`: its words in lower case
times and dates                                              `numeric`: the year, with a fraction
whole numbers of up to 32 distinct values, or of up to       `categorical`, if most rows share them
1,000 that 10 rows have each, on average
whole numbers named like ids: author_id, zip, type           `categorical`, if some rows share them
other numbers                                                `numeric`
the same in every row, different in every row, nearly empty  ignored
vectors, structures, bytes                                   ignored
===========================================================  ==========================================

A file gives at most 16 features, those of several or one value first. Values that only one row has are left out of
`multi` features: nothing that is learned of them can serve another row.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.data import words
from benchmarks.data.errors import InputError
from benchmarks.data.progress import Reading
from benchmarks.data.times import read_times
from pipeline.config import Feature, Kind, Side

MOST = 16  # a week of KuaiRand, hit@100 of exact search: 8 a file .306, 16 .320, 32 .322 in twice the time
FEW, MANY = 32, 1000
OFTEN = 10  # rows to each of more than a few values
LEAST_FILLED = 0.01
SHARED, BARELY_SHARED = 0.5, 0.1
SMALL = 20  # below it, values different in every row may be chance
ID = re.compile(
    r"(id|code|type|kind|category|class|group|zip|zipcode|postcode|brand|author|occupation)s?$", re.IGNORECASE
)
MOMENT = re.compile(r"date|time|year_?month|_at$|_dt$|_ts$", re.IGNORECASE)
DATE_TEXT = re.compile(r"\D?\d.*[-/.: ].*\d|\d{1,2}-\w{3}-\d{4}")
YEAR_US = 365.25 * 86_400e6
UNWANTED = "holds no numbers or text"


@dataclass(frozen=True, slots=True)
class Values:
    """A feature and its value for each row, None where there is none."""

    feature: Feature
    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Guessed:
    """Features of a file, and why each other column is none."""

    features: tuple[Values, ...]
    ignored: dict[str, str]


def guess(table: pa.Table, side: Side) -> Guessed:
    """The features that the columns of a table are."""
    found: list[Values] = []
    ignored: dict[str, str] = {}
    with Reading(f"Reading what the columns of the {side}s say") as reading:
        for place, name in enumerate(table.column_names):
            reading.show(place / table.num_columns)
            read = _read(name, table[name])
            if isinstance(read, str):
                ignored[name] = read
            else:
                kind, values = read
                found.append(Values(Feature(_feature_name(name, found), side, kind), values))
    found.sort(key=lambda one: one.feature.kind == "numeric")
    for one in found[MOST:]:
        ignored[one.feature.name] = f"beyond {MOST} features"
    return Guessed(tuple(found[:MOST]), ignored)


Read = tuple[Kind, Sequence[Any]] | str  # kind and values, or why not


def _read(name: str, column: pa.ChunkedArray) -> Read:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _lists(column)
    if pa.types.is_nested(kind) or pa.types.is_null(kind):
        return UNWANTED
    if pa.types.is_boolean(kind):
        column = column.cast(pa.string())
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _years(column, name)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _numbers(name, column.cast(pa.float64()))
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return UNWANTED
    return _text(name, column)


def _text(name: str, column: pa.ChunkedArray) -> Read:
    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
    empty = _too_empty(text)
    if empty:
        return empty
    distinct = text.unique().drop_null()
    if not pc.any(pc.match_substring_regex(distinct, r"^-?0\d")).as_py():  # 00601 is a code, not 601
        try:
            return _numbers(name, text.cast(pa.float64()))
        except pa.ArrowInvalid:
            pass
    if DATE_TEXT.match(distinct[0].as_py()) or MOMENT.search(name):
        try:
            return _years(text, name)
        except InputError:
            pass
    values: list[str | None] = text.to_pylist()
    parts = words.separated(values)
    if parts is not None:
        return _several(parts)
    shared = _shared(text)
    if shared < SHARED and words.is_prose(values):
        return _several([words.words(value) for value in values])
    return ("categorical", values) if shared >= BARELY_SHARED else "different in every row"


def _numbers(name: str, column: pa.ChunkedArray) -> Read:
    column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, pa.float64()))
    empty = _too_empty(column)
    if empty:
        return empty
    known = column.drop_null().to_numpy()
    whole = bool(np.all(known == np.floor(known)))
    distinct = len(np.unique(known))
    if whole and MOMENT.search(name) and (known.min() >= 1e8 or known.min() >= 19_000_101 > known.max() - 3e6):
        return _years(column.cast(pa.int64()), name)
    shared = _shared(column)
    few = distinct <= max(FEW, min(len(known) / OFTEN, MANY)) and shared >= SHARED
    if whole and (few or (ID.search(name) and shared >= BARELY_SHARED)):
        return "categorical", column.cast(pa.int64()).cast(pa.string()).to_pylist()
    if whole and ID.search(name):
        return "hardly any row shares a value"
    if whole and distinct == len(known) >= SMALL:
        return "different in every row"
    return "numeric", column.to_pylist()


def _years(column: pa.ChunkedArray, name: str) -> Read:
    us_n, valid_n = read_times(column, name)
    empty = _too_empty(pa.chunked_array([pa.array(us_n, mask=~valid_n)]))
    if empty:
        return empty
    years = (1970 + us_n / YEAR_US).tolist()
    return "numeric", [year if valid else None for year, valid in zip(years, valid_n.tolist(), strict=True)]


def _lists(column: pa.ChunkedArray) -> Read:
    inner = column.type.value_type
    if pa.types.is_floating(inner) or pa.types.is_nested(inner):
        return "holds vectors or structures"
    rows = column.to_pylist()
    return _several([[str(value) for value in row if value is not None] if row else [] for row in rows])


def _several(rows: Sequence[Sequence[str]]) -> Read:
    kept = words.shortened(rows, Feature("any", "item", "multi").max_values)
    return ("multi", kept) if any(kept) else "no value is shared by two rows"


def _too_empty(column: pa.ChunkedArray) -> str:
    filled = 1 - column.null_count / max(len(column), 1)
    if filled < LEAST_FILLED:
        return "nearly empty"
    return "the same in every row" if filled > 1 - LEAST_FILLED and len(column.drop_null().unique()) == 1 else ""


def _shared(column: pa.ChunkedArray) -> float:
    """Share of the rows with a value whose value another row has, too."""
    counts = pc.struct_field(column.drop_null().value_counts(), "counts").to_numpy()
    return float(counts[counts > 1].sum() / max(counts.sum(), 1))


def _feature_name(name: str, found: Sequence[Values]) -> str:
    """The column's name in letters, digits and _, told apart from those before."""
    base = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:60] or "column"
    taken = {one.feature.name for one in found}
    return next(one for one in (base, *(f"{base}_{n}" for n in range(2, len(taken) + 3))) if one not in taken)
