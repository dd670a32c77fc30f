"""What it says of an item that the user took it before: more of the same, or never again."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain, repeat
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.arrays import Floats, Longs
from pipeline.config import ModelConfig
from pipeline.native import native

RECENCIES, COUNTS = 6, 4
BUCKETS = RECENCIES * COUNTS
OCTAVES = np.log2(np.arange(1, (1 << (RECENCIES - 1)) + 1)).astype(np.int64)  # of places; later ones have the last


class Repeats(nn.Module):
    """A bonus a task for items of the user's own history, learned by how recent they are there and how frequent.

    Two towers cannot tell an item from its like; whether people buy the same again, or never watch a film twice, is a
    matter of the item itself. The bonus begins at 0 and the stream says what it is worth, and of which sign (compare
    the repeat mode of RepeatNet, Ren et al., AAAI'19).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.bonus_tb = nn.Parameter(torch.zeros(config.n_tasks, BUCKETS))


class Repeated(NamedTuple):
    """R cells (row, column) of a batch in which the row's user has taken the column's item before."""

    rows_r: Longs
    columns_r: Longs
    buckets_r: Longs

    def of_rows(self, rows: Longs, n: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """The cells of some of `n` rows, with rows numbered as given."""
        place = np.full(n, -1, np.int64)
        place[rows] = np.arange(len(rows))
        kept = place[self.rows_r] >= 0
        chosen = (place[self.rows_r[kept]], self.columns_r[kept], self.buckets_r[kept])
        found, columns, buckets = (torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in chosen)
        return found, columns, buckets

    def of_own(self, own_b: Longs, bonus_tb: Tensor) -> Tensor:
        """What is added to the score of each row's own item, (B, T)."""
        own = self.columns_r == own_b[self.rows_r]
        rows, buckets = (torch.from_numpy(part[own]).to(bonus_tb.device) for part in (self.rows_r, self.buckets_r))
        added = torch.zeros(len(own_b), len(bonus_tb), device=bonus_tb.device)
        added[rows] = bonus_tb[:, buckets].T
        return added


def bucket_of(place: int, count: int) -> int:
    """Bucket of an item that occurs `count` times, at last `place` positives back (0: the last).

    Recency in octaves: 0, 1–2, 3–6, 7–14, 15–30, 31 and more; counts 1, 2, 3, 4 and more.

    >>> [bucket_of(0, 1), bucket_of(2, 1), bucket_of(3, 2), bucket_of(500, 9)]
    [0, 4, 9, 23]
    """
    return int(OCTAVES[min(place, len(OCTAVES) - 1)]) * COUNTS + min(count, COUNTS) - 1


def repeats_of(history: Sequence[str], length: int) -> dict[str, int]:
    """Distinct items among the latest `length` of a history (oldest first) and their buckets; the latest item first."""
    counts: dict[str, int] = {}
    places: dict[str, int] = {}
    for place, item in enumerate(reversed(history[-length:])):
        counts[item] = counts.get(item, 0) + 1
        places.setdefault(item, place)
    return {item: bucket_of(place, counts[item]) for item, place in places.items()}


def repeated_columns(
    histories: Sequence[Sequence[str]], column_of: Mapping[str, int], columns: int, length: int
) -> Repeated:
    """Cells of a batch whose item is among the latest of the row's history.

    Args:
        histories: items of each row, oldest first.
        column_of: id -> column; none may be below 0, and those from `columns` on do not count.
        columns: C.
        length: latest items of a history that count.
    """
    latest = {id(history): history[-length:] for history in histories}  # rows of one basket share theirs
    sizes = {key: len(items) for key, items in latest.items()}
    ends = dict(zip(sizes, accumulate(sizes.values()), strict=True))
    columns_f = np.fromiter(
        map(column_of.get, chain.from_iterable(latest.values()), repeat(columns)), np.int64, sum(sizes.values())
    )
    keys = list(map(id, histories))
    ends_b, sizes_b = (np.fromiter(map(of.__getitem__, keys), np.int64, len(keys)) for of in (ends, sizes))
    cells = np.empty((3, int(sizes_b.sum())), np.int64)
    found = _find(columns_f, ends_b - sizes_b, ends_b, np.full(columns, -1, np.int64), cells)
    rows, own, buckets = cells[:, :found]
    return Repeated(rows, own, buckets)


def bonuses(bonus_tb: Floats, history: Sequence[str], length: int) -> tuple[list[str], Floats]:
    """Items of one user's history and what each task adds to their scores, (T, n)."""
    known = repeats_of(history, length)
    added: Floats = bonus_tb[:, list(known.values())]
    return list(known), added


@native
def _find(columns_f: Longs, begins_b: Longs, ends_b: Longs, cell_c: Longs, cells: Longs) -> int:
    found = 0
    for row in range(ends_b.size):
        first = found
        for place in range(ends_b[row] - begins_b[row]):
            column = columns_f[ends_b[row] - 1 - place]
            if column >= cell_c.size:
                continue
            cell = cell_c[column]
            if cell >= first:
                cells[2, cell] += 1 if cells[2, cell] % COUNTS < COUNTS - 1 else 0
                continue
            octave = OCTAVES[min(place, OCTAVES.size - 1)]
            cells[0, found], cells[1, found], cells[2, found] = row, column, octave * COUNTS
            cell_c[column] = found
            found += 1
    return found
