"""Variety: so many items of one cluster, or with one value of an attribute, at most."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Bools, Longs
from pipeline.attribute_column import AttributeColumn
from pipeline.postings import UNFILED
from schemas.http import Notice, Quota
from serving.items import Items


class _Limit(NamedTuple):
    """One quota, its column (None: of clusters), and how many items each kind has by now."""

    most: int
    column: AttributeColumn | None
    taken: Counter[Hashable]


class Quotas:
    """Counts what an answer holds, and says what still fits.

    Args:
        items: the index.
        quotas: all of them must hold. One of an attribute that no item has limits nothing, which `notices` says.
    """

    def __init__(self, items: Items, quotas: Sequence[Quota]) -> None:
        self._clusters = items.index.cluster_n
        self._limits: list[_Limit] = []
        self.notices: list[Notice] = []
        for quota in quotas:
            column = None if quota.attribute is None else items.columns.column(quota.attribute)
            if quota.attribute is not None and column is None:
                detail = f"No item has the attribute {quota.attribute!r}, so its quota limits nothing."
                self.notices.append(Notice("unknown_attribute", detail))
                continue
            self._limits.append(_Limit(quota.most, column, Counter()))

    def __bool__(self) -> bool:
        """Whether anything is limited."""
        return bool(self._limits)

    def take(self, rows: Iterable[int], most: int) -> list[int]:
        """Places of the rows that fit, taken one after the other until there are `most`."""
        places: list[int] = []
        for place, row in enumerate(rows):
            if len(places) == most:
                break
            if self._fits(row):
                places.append(place)
        return places

    def open(self, rows_n: Longs) -> Longs:
        """Those of these rows of which no kind is full."""
        for limit in self._limits:
            full = [kind for kind, taken in limit.taken.items() if taken >= limit.most]
            if limit.column is None:
                rows_n = rows_n[~np.isin(self._clusters[rows_n], np.array(full, np.int64))]
            else:
                rows_n = rows_n[~limit.column.equal_to(full)[rows_n]]  # type: ignore[arg-type]  # kinds are keys
        return rows_n

    def spread(self, rows_n: Longs) -> Longs:
        """The first of these rows of each kind, twice as many as could ever be taken: the rest is not worth ranking."""
        kept = np.ones(len(rows_n), np.bool_)
        for limit in self._limits:
            kept &= _first_of_each(self._codes(limit, rows_n), 2 * limit.most)
        return rows_n[kept]

    def _fits(self, row: int) -> bool:
        kinds = [(limit, self._kinds(limit, row)) for limit in self._limits]
        if any(limit.taken[kind] >= limit.most for limit, several in kinds for kind in several):
            return False
        for limit, several in kinds:
            limit.taken.update(several)
        return True

    def _kinds(self, limit: _Limit, row: int) -> tuple[Hashable, ...]:
        if limit.column is not None:
            return limit.column.keys(row)
        cluster = int(self._clusters[row])
        return () if cluster == UNFILED else (cluster,)

    def _codes(self, limit: _Limit, rows_n: Longs) -> Longs:
        """A number a kind, 0 for rows that the quota does not limit."""
        return self._clusters[rows_n] + np.int64(1) if limit.column is None else limit.column.codes(rows_n)


def _first_of_each(codes_n: Longs, most: int) -> Bools:
    """Which places are among the first `most` with their code; all are that have code 0.

    >>> _first_of_each(np.array([5, 5, 0, 5, 0, 0]), 2).tolist()
    [True, True, True, False, True, True]
    """
    order = np.argsort(codes_n, kind="stable")
    ordered = codes_n[order]
    begin = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, np.int64)
    rank = np.arange(len(ordered)) - np.repeat(begin, np.diff(np.r_[begin, len(ordered)]))
    kept = np.empty(len(codes_n), np.bool_)
    kept[order] = (rank < most) | (ordered == 0)
    return kept
