"""The file of interactions, read once from front to end into columns of numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.data import duplicates, outcomes
from benchmarks.data.columns import ITEM, TIME, USER, find_all, nearest, require
from benchmarks.data.duplicates import Hashes
from benchmarks.data.errors import InputError
from benchmarks.data.numbering import NONE, Numbering
from benchmarks.data.outcomes import Asked, Outcome, asked
from benchmarks.data.progress import Reading
from benchmarks.data.tables import Rows, open_rows
from benchmarks.data.times import read_times
from pipeline.arrays import Bools, Floats, Ints, Longs

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Events:
    """The rows of use, in order of time.

    Attributes:
        us_n: microseconds since 1970.
        labels: of the tasks, the predicted one first.
        taken: the columns read as user, item, time.
        was_sorted: the rows came in order of time.
    """

    user_n: Ints
    item_n: Ints
    us_n: Longs
    labels: Mapping[str, Floats]
    users: Numbering
    items: Numbering
    dropped: Mapping[str, int]
    ignored: tuple[str, ...]
    taken: tuple[str, str, str]
    was_sorted: bool


@dataclass(frozen=True, slots=True)
class _Columns:
    """What was read, row by row as in the file."""

    user_n: Ints
    item_n: Ints
    hash_n: Hashes
    times: Mapping[str, pa.ChunkedArray]
    outcomes: Sequence[Outcome]


def read_events(path: Path, tasks: Sequence[str] | None) -> Events:
    """Read, drop what cannot be used, and put in order of time; rows of one time stay in the order of the file.

    Raises:
        InputError: no use can be made of the file.
    """
    rows = open_rows(path)
    user, item = require(rows.names, USER, path), require(rows.names, ITEM, path)
    require(rows.names, TIME, path)
    times = [name for name in find_all(rows.names, TIME) if name not in (user, item)]
    chosen = None if tasks is None else [_chosen(rows, task) for task in tasks]
    users, items = Numbering(), Numbering()
    read = _read(rows, user, item, times, chosen, users, items)
    try:
        us_n, valid_n, time = _times(read.times)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    hash_n = read.hash_n
    for values in (read.user_n, read.item_n, us_n):
        hash_n = duplicates.mixed(hash_n, values)
    kept_n, dropped = _kept(read, valid_n, hash_n)
    if not kept_n.any():
        raise InputError(f"{path}: no row can be used. Left out: {_listing(dropped) or 'nothing, it has no rows'}")
    labels = _labels(read.outcomes, kept_n, chosen)
    order = _order(us_n, kept_n)
    was_sorted = bool(np.all(np.diff(order) > 0))
    used = {user, item, *times, *(one.column for one in read.outcomes if one.name in labels)}
    return Events(
        read.user_n[order], read.item_n[order], us_n[order], {name: one[order] for name, one in labels.items()},
        users, items, dropped, tuple(name for name in rows.names if name not in used), (user, item, time), was_sorted,
    )  # fmt: skip


def _read(
    rows: Rows, user: str, item: str, times: Sequence[str], chosen: Sequence[Asked] | None, users: Numbering,
    items: Numbering,
) -> _Columns:  # fmt: skip
    others = tuple(name for name in rows.names if name not in (user, item, times[0]))
    if chosen is None:
        found = [Outcome(name, name) for name in others if name not in times]
    else:
        found = [Outcome(one.name, one.column, one) for one in chosen]
    hashes = [np.zeros(0, np.uint64)]
    time_parts: dict[str, list[pa.Array]] = {name: [] for name in times}
    with Reading(f"Reading {rows.path.name}") as reading:
        for share, batch in rows.batches():
            users.collect(batch.column(user), user)
            items.collect(batch.column(item), item)
            hashes.append(duplicates.hash_columns(batch, others))
            for name, parts in time_parts.items():
                parts.append(batch.column(name))
            for outcome in found:
                outcome.read(batch.column(outcome.column))
            reading.show(share)
    if not time_parts[times[0]]:
        raise InputError(f"{rows.path}: holds column names but no rows")
    columns = {name: pa.chunked_array(parts) for name, parts in time_parts.items()}
    return _Columns(users.number(), items.number(), np.concatenate(hashes), columns, found)


def _times(columns: Mapping[str, pa.ChunkedArray]) -> tuple[Longs, Bools, str]:
    """The time of each row; from another column where that says the same, but finer than by the second."""
    (name, column), *others = columns.items()
    us_n, valid_n = read_times(column, name)
    if np.any(us_n % SECOND_US):
        return us_n, valid_n, name
    for other, column in others:
        try:
            finer, known = read_times(column, other)
        except InputError:
            continue
        if np.array_equal(known, valid_n) and np.array_equal(finer[known] // SECOND_US, us_n[known] // SECOND_US):
            return finer, valid_n, other
    return us_n, valid_n, name


def _kept(read: _Columns, valid_n: Bools, hash_n: Hashes) -> tuple[Bools, dict[str, int]]:
    """Which rows are of use, and why the others are not."""
    kept_n = np.ones(len(valid_n), np.bool_)
    dropped = {}
    tests = {
        "no user": read.user_n != NONE,
        "no item": read.item_n != NONE,
        "no time": valid_n,
        "duplicate row": duplicates.first_of_each(hash_n),
    }
    for reason, passed_n in tests.items():
        lost = int((kept_n & ~passed_n).sum())
        kept_n &= passed_n
        if lost:
            dropped[reason] = lost
    return kept_n, dropped


def _order(us_n: Longs, kept_n: Bools) -> Longs:
    rows = np.flatnonzero(kept_n)
    order: Longs = rows[np.argsort(us_n[rows], kind="stable")]
    return order


def _labels(found: Sequence[Outcome], kept_n: Bools, chosen: Sequence[Asked] | None) -> dict[str, Floats]:
    labels = {one.name: values for one in found if (values := one.labels_n) is not None}
    if chosen is None:
        return {name: labels[name] for name in outcomes.choose({name: one[kept_n] for name, one in labels.items()})}
    for one in chosen:
        one.check(labels[one.name][kept_n])
    if chosen and not np.any(labels[chosen[0].name][kept_n] > 0):
        raise InputError(f"task {chosen[0].name}: {chosen[0].never}, so there is nothing to predict")
    return {one.name: labels[one.name] for one in chosen}


def _chosen(rows: Rows, task: str) -> Asked:
    found = asked(task, rows.names)
    if found.column in rows.names:
        return found
    near = nearest(rows.names, [found.column])
    raise InputError(
        f"{rows.path}: no column {found.column} to make a task of. Its columns are {', '.join(map(repr, rows.names))}."
        + (f" Is it {near!r}?" if near else "")
    )


def _listing(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} x {reason}" for reason, count in dropped.items())
