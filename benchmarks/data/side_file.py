"""The file of items or users: one row an id."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.data.columns import ITEM, USER, find, require
from benchmarks.data.errors import InputError
from benchmarks.data.features import Guessed, guess
from benchmarks.data.numbering import NONE, Numbering
from benchmarks.data.progress import Reading
from benchmarks.data.tables import open_rows
from benchmarks.data.times import read_times
from pipeline.arrays import Bools, Ints, Longs
from pipeline.config import Side

PUBLISHED = ("published_at", "published", "publish_time", "publish_date", "published_time", "published_date",
             "publication_time", "publication_date", "pub_date", "upload_dt", "upload_date", "upload_time",
             "uploaded_at", "created_at", "creation_time", "creation_date", "create_time", "create_date", "created",
             "created_time", "created_date", "added_at", "date_added", "listed_at", "posted_at",
             "available_from")  # fmt: skip
PLAUSIBLE_US = (1e14, 4e15)  # 1973 .. 2096: what else a column named `created` holds is no time
MOSTLY = 0.9
UNKNOWN = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class SideFile:
    """What a file says of R users or items.

    Attributes:
        side: whose features these are.
        number_r: number of each.
        published_us_r: when each item was published, microseconds since 1970; UNKNOWN where the file does not say.
        published: the column that says so, if there is one.
        dropped: reason -> rows of the file that are not here.
    """

    side: Side
    number_r: Ints
    guessed: Guessed
    published_us_r: Longs
    published: str | None
    dropped: Mapping[str, int]

    @property
    def again(self) -> str:
        """The reason why rows of ids that came before are not here."""
        return f"{self.side} described again"


def read_side(path: Path, side: Side, numbering: Numbering, last_us: int) -> SideFile:
    """Read a file of users or items. Of those that never occur only items published until `last_us` are here: they
    could have been offered. They get the next numbers.

    Raises:
        InputError: the file cannot be read, or has no column of ids.
    """
    rows = open_rows(path)
    key = require(rows.names, ITEM if side == "item" else USER, path)
    published = find(rows.names, PUBLISHED) if side == "item" else None
    total, batches = 0, []
    with Reading(f"Reading {path.name}") as reading:
        for share, batch in rows.batches():
            wanted = np.ones(batch.num_rows, np.bool_)
            if published is None:
                wanted = numbering.known(batch.column(key), key) != NONE
            total += batch.num_rows
            batches.append(batch.filter(pa.array(wanted)))
            reading.show(share)
    if not total:
        raise InputError(f"{path}: holds no rows. Leave it out, or write one row for each {side}")
    table = pa.Table.from_batches(batches)
    if not np.any(numbering.known(table[key].combine_chunks(), key) != NONE):
        raise InputError(
            f"{path}: no value of its column {key} occurs in the interactions. Are these ids of the {side}s?"
        )
    times = _published(table, published)
    if times is None:
        published, times = None, np.full(len(table), UNKNOWN)
    number_r = _numbers(table[key], key, numbering, (times != UNKNOWN) & (times <= last_us))
    first_r = np.zeros(len(table), np.bool_)
    first_r[np.unique(number_r, return_index=True)[1]] = True
    known_r = number_r != NONE
    kept_r = known_r & first_r
    dropped = {
        f"{side} never in the interactions": total - int(known_r.sum()),
        f"{side} described again": int((known_r & ~first_r).sum()),
    }
    kept = table.filter(pa.array(kept_r))
    guessed = guess(kept.drop_columns([name for name in (key, published) if name]), side)
    return SideFile(side, number_r[kept_r], guessed, times[kept_r], published, dropped)


def _numbers(ids: pa.ChunkedArray, key: str, numbering: Numbering, offered_r: Bools) -> Ints:
    column = ids.combine_chunks()
    numbering.extend(column.filter(pa.array(offered_r)), key)
    return numbering.known(column, key)


def _published(table: pa.Table, name: str | None) -> Longs | None:
    """Times of publication, if that is what the column holds."""
    if name is None:
        return None
    try:
        us_n, valid_n = read_times(table[name], name)
    except InputError:
        return None
    plausible = (us_n[valid_n] >= PLAUSIBLE_US[0]) & (us_n[valid_n] <= PLAUSIBLE_US[1])
    if plausible.mean() < MOSTLY if len(plausible) else True:
        return None
    return np.where(valid_n, us_n, UNKNOWN)
