"""Times in whatever form files have them, as microseconds since 1970, UTC.

Numbers are seconds, milliseconds, microseconds or nanoseconds by their magnitude, or dates such as 20130528. Text is
ISO 8601 or one of a few customary forms; without a zone it is taken as UTC.
"""

import math
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.data.errors import InputError
from pipeline.arrays import Bools, Doubles, Longs

US = pa.timestamp("us")
LIMITS = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0))  # |number| below it -> microseconds of one; above all: nanoseconds
NANOSECONDS = 1e-3
SURE = 1e8  # a number as large as this is no mere counter
FORMS = ("%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d-%b-%Y", "%b %d, %Y", "%m %d, %Y")
CLOCKS = ("", " %H:%M", " %H:%M:%S")
OTHERS = ("%a %b %d %H:%M:%S %z %Y", "%d/%b/%Y:%H:%M:%S %z")  # Twitter, web servers
SAMPLE = 1000
ADVICE = "Write seconds since 1970, or ISO 8601 such as 2024-05-31T18:00:00Z"


class Times(NamedTuple):
    """One time a row: microseconds since 1970, and whether there is one."""

    us_n: Longs
    valid_n: Bools


def read_times(column: pa.ChunkedArray, what: str) -> Times:
    """The times of a column.

    Raises:
        InputError: its values are no times; shows one of them.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _moments(column.cast(US if not getattr(kind, "tz", None) else pa.timestamp("us", "UTC"), safe=False))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _from_text(column, what)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _from_numbers(column, what)
    if pa.types.is_null(kind):
        return Times(np.zeros(len(column), np.int64), np.zeros(len(column), np.bool_))
    raise InputError(f"column {what} holds {kind}, which is no time. {ADVICE}")


def _moments(column: pa.ChunkedArray) -> Times:
    valid = column.is_valid().to_numpy()
    return Times(column.cast(pa.int64()).fill_null(0).to_numpy(), valid)


def _from_numbers(column: pa.ChunkedArray, what: str) -> Times:
    if pa.types.is_integer(column.type):
        valid = column.is_valid().to_numpy()
        numbers = column.fill_null(0).cast(pa.int64(), safe=False).to_numpy()
        dates = _dates(numbers[valid])
        if dates is not None:
            us = np.zeros(len(numbers), np.int64)
            us[valid] = dates
            return Times(us, valid)
        unit = _unit(np.abs(numbers[valid].astype(np.float64)), what)
        return Times(numbers * int(unit) if unit >= 1 else numbers // 1000, valid)
    floats = column.cast(pa.float64()).to_numpy()
    valid = np.isfinite(floats)
    known = np.where(valid, floats, 0)
    if bool(np.all(known == np.floor(known))):
        whole = pa.chunked_array([pa.array(known.astype(np.int64), mask=~valid)])
        return _from_numbers(whole, what)
    return Times(np.floor(known * _unit(np.abs(known[valid]), what)).astype(np.int64), valid)


def _unit(sizes: Doubles, what: str) -> float:
    """Microseconds of one unit."""
    if not len(sizes):
        return 1.0
    units = {_unit_of(float(size)) for size in (sizes.min(), sizes.max()) if size >= SURE}
    if len(units) > 1:
        low, high = sizes[sizes >= SURE].min(), sizes.max()
        raise InputError(f"column {what} mixes units of time: it holds {low:.0f} and {high:.0f}. {ADVICE}")
    return _unit_of(float(sizes.max()))


def _unit_of(size: float) -> float:
    return next((unit for limit, unit in LIMITS if size < limit), NANOSECONDS)


def _dates(numbers: Longs) -> Longs | None:
    """Numbers such as 20130528 as times. As seconds they would all lie in August 1970."""
    if not len(numbers) or numbers.min() < 19_000_101 or numbers.max() > 21_001_231:
        return None
    year, month, day = numbers // 10_000, numbers // 100 % 100, numbers % 100
    if not bool(np.all((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31))):
        return None
    months = (year - 1970) * 12 + month - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + day - 1
    return days * 86_400_000_000


def _from_text(column: pa.ChunkedArray, what: str) -> Times:
    text = pc.replace_substring_regex(pc.utf8_trim_whitespace(column), r"\s*(UTC|GMT)$", "")
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
    for number in (pa.int64(), pa.float64()):
        try:
            return _from_numbers(text.cast(number), what)
        except pa.ArrowInvalid:
            continue
    for moment in (US, pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.timestamp("ns", "UTC")):
        try:
            return _moments(text.cast(moment).cast(pa.timestamp("us", moment.tz), safe=False))
        except pa.ArrowInvalid:
            continue
    return _from_customary(text, what)


def _from_customary(text: pa.ChunkedArray, what: str) -> Times:
    distinct = text.unique()
    forms = (*(day + clock for day in FORMS for clock in CLOCKS), *OTHERS)
    read = [form for form in forms if _reads(distinct.slice(0, SAMPLE), form) and _reads(distinct, form)]
    if not read:
        value = _unreadable(distinct)
        row = pc.index(text, pa.scalar(value, text.type)).as_py() + 1
        raise InputError(f"column {what}: {value!r} in data row {row:,} is no time. {ADVICE}")
    first, last = (pc.strptime(distinct, form, "us") for form in (read[0], read[-1]))
    if not first.equals(last):
        example = distinct.drop_null()[0].as_py()
        raise InputError(f"column {what}: in {example!r} either number may be the month. {ADVICE}")
    return _moments(pc.strptime(text, read[0], "us"))


def _reads(distinct: pa.Array, form: str) -> bool:
    return bool(pc.strptime(distinct, form, "us", error_is_null=True).null_count == distinct.null_count)


def _unreadable(distinct: pa.Array) -> str:
    """A value to show: the first that is neither a number, where there are numbers, nor ISO 8601, if any."""
    values: list[str] = distinct.drop_null().to_pylist()
    return next((value for value in values if not _is_number(value) and not _is_iso(value)), values[0])


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _is_iso(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
