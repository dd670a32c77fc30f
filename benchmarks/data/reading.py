"""Files of interactions, items and users as `Interactions`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.data.columns import ITEM, TIME, USER
from benchmarks.data.errors import InputError
from benchmarks.data.event_file import Events, read_events
from benchmarks.data.numbering import Numbering
from benchmarks.data.outcomes import is_binary
from benchmarks.data.side_file import UNKNOWN, SideFile, read_side
from benchmarks.interactions import Interactions
from pipeline.arrays import Floats, Ints, Longs
from pipeline.config import Task

EVERY_ROW = "interaction"
FORMS = ("parquet", "pq", "csv", "csv.gz", "tsv", "tsv.gz")
Path_ = str | Path


def read_interactions(
    interactions: Path_,
    items: Path_ | None = None,
    users: Path_ | None = None,
    *,
    tasks: Sequence[str] | None = None,
    name: str | None = None,
) -> Interactions:
    """Read files of interactions, and of features of items and users; see the modules of this package for what counts.

    Args:
        interactions: one row an exposure: user, item, time, and labels if there are any.
        tasks: columns to predict, the first before all; default: guessed.
        name: of the set; default: the file's.

    Raises:
        InputError: a file is not what it must be; says what to change.
    """
    path = Path(interactions)
    events = read_events(path, tasks)
    last_us = int(events.us_n[-1])
    item_side = read_side(Path(items), "item", events.items, last_us) if items is not None else None
    user_side = read_side(Path(users), "user", events.users, last_us) if users is not None else None
    order_m, published_m = _published(events, item_side)
    if len(order_m) < 2:
        item = events.items.ids[int(order_m[0])].as_py()
        raise InputError(f"{path}: all rows are of one item, {item!r}: there is nothing to choose from")
    new_of_old = np.empty(len(events.items), np.int32)
    new_of_old[order_m] = np.arange(len(order_m), dtype=np.int32)
    user_order, user_n = _by_first(events.user_n)
    sides = [side for side in (item_side, user_side) if side is not None]
    labels = events.labels or {EVERY_ROW: np.ones(len(events.us_n), np.float32)}
    return Interactions(
        name=name or _stem(path),
        users=_ids(events.users, user_order),
        items=_ids(events.items, order_m),
        user_n=user_n,
        item_n=new_of_old[events.item_n],
        time_n=events.us_n // 1000,
        tasks=_tasks(labels),
        labels_nt=np.stack(list(labels.values()), axis=1),
        published_m=published_m,
        features=tuple(one.feature for side in sides for one in side.guessed.features),
        user_features=_features(user_side, user_order),
        item_features=_features(item_side, order_m),
        dropped=dict(events.dropped) | {key: n for side in sides for key, n in side.dropped.items() if n},
        ignored_columns=(*events.ignored, *(column for side in sides for column in side.guessed.ignored)),
        notes=(*_notes(events, sides), *(_positives(events.labels) if tasks is not None else ())),
    )


def read_folder(folder: Path_, *, tasks: Sequence[str] | None = None, name: str | None = None) -> Interactions:
    """Read the folder of one set: files `interactions`, and if there are, `items` and `users`, CSV or Parquet.

    Raises:
        InputError: there is no file of interactions, or one cannot be read.
    """
    place = Path(folder)
    interactions = in_folder(place, "interactions")
    if interactions is None:
        raise InputError(f"{place}: holds no file interactions.parquet or interactions.csv")
    sides = in_folder(place, "items"), in_folder(place, "users")
    return read_interactions(interactions, *sides, tasks=tasks, name=name or place.resolve().name)


def in_folder(folder: Path, name: str) -> Path | None:
    """The file of that name in one of the forms read, if there is one."""
    found = (folder / f"{name}.{form}" for form in FORMS)
    return next((path for path in found if path.is_file()), None)


def _published(events: Events, items: SideFile | None) -> tuple[Longs, Longs]:
    """Old item numbers in order of publication, and the times of it in milliseconds."""
    first_m = np.full(len(events.items), len(events.item_n))
    numbers, rows = np.unique(events.item_n, return_index=True)
    first_m[numbers] = rows
    us_m = np.full(len(first_m), UNKNOWN)
    us_m[numbers] = events.us_n[rows]
    if items is not None:
        us_m[items.number_r] = np.minimum(us_m[items.number_r], items.published_us_r)
    order_m = np.lexsort((first_m, us_m))[: np.sum(us_m != UNKNOWN)]  # not those of rows that were left out
    return order_m, us_m[order_m] // 1000


def _by_first(number_n: Ints) -> tuple[Longs, Ints]:
    """Old numbers in order of their first row, and the numbers by that order."""
    old, rows, places = np.unique(number_n, return_index=True, return_inverse=True)
    order = np.argsort(rows)
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return old[order].astype(np.int64), rank[places]


def _ids(numbering: Numbering, order: Longs) -> list[str]:
    ids: list[str] = numbering.ids.take(pa.array(order)).to_pylist()
    return ids


def _features(side: SideFile | None, order: Longs) -> Sequence[Mapping[str, Any]]:
    if side is None:
        return ()
    highest = max(int(order.max()), int(side.number_r.max()))
    rows: list[dict[str, Any]] = [{} for _ in range(highest + 1)]
    for one in side.guessed.features:
        for number, value in zip(side.number_r.tolist(), one.values, strict=True):
            if value is not None:
                rows[number][one.feature.name] = value
    return [rows[number] for number in order.tolist()]


def _tasks(labels: Mapping[str, Floats]) -> tuple[Task, ...]:
    """Tasks named like their columns, in letters, digits and _."""
    names: list[str] = []
    for column in labels:
        name = re.sub(r"[^A-Za-z0-9]+", "_", column).strip("_")[:60] or "task"
        names.append(f"{name}_{len(names)}" if name in names else name)
    return tuple(
        Task(name, "binary" if is_binary(values) else "value")
        for name, values in zip(names, labels.values(), strict=True)
    )


def _notes(events: Events, sides: Sequence[SideFile]) -> tuple[str, ...]:
    notes = []
    for what, column, usual in zip(("user", "item", "time"), events.taken, (USER, ITEM, TIME), strict=True):
        if column != usual[0]:
            notes.append(f"column {column} is taken as the {what}")
    if not events.was_sorted:
        notes.append("the rows were not in order of time: they have been sorted")
    if not events.labels:
        notes.append("no column of zeros and ones says what succeeded: every row counts as a positive")
    for side in sides:
        if side.published:
            notes.append(f"items are offered from the time in column {side.published}")
        if again := side.dropped.get(side.again):
            notes.append(
                f"the file of {side.side}s has {again:,} more rows of {side.side}s that it had before: the"
                f" first row of each counts. Is it a file of events? Then what it says may be known only later"
            )
        notes.extend(_ignored(side.guessed.ignored))
    return tuple(notes)


def _positives(labels: Mapping[str, Floats]) -> list[str]:
    """What tasks of the user's own come to."""
    return [
        f"task {name}: {float(np.mean(values[~np.isnan(values)] > 0)):.1%} of the rows that have a value are positives"
        + ("" if is_binary(values) else ", all above 0, weighed by their size")
        for name, values in labels.items()
    ]


def _ignored(reasons: Mapping[str, str]) -> list[str]:
    """A line a reason, with all columns that it holds for."""
    columns: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        columns.setdefault(reason, []).append(name)
    return [
        f"column{'s' * (len(names) > 1)} {', '.join(names)} {'is' if len(names) == 1 else 'are'} ignored: {reason}"
        for reason, names in columns.items()
    ]


def _stem(path: Path) -> str:
    stem = path.name
    for form in FORMS:
        stem = stem.removesuffix(f".{form}")
    return path.resolve().parent.name if stem == "interactions" else stem
