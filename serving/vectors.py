"""Vectors of items, kept as long as they are those of the version in force."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from pipeline.arrays import Bools, Floats, Longs
from pipeline.errors import BatchError
from pipeline.ids import grown
from pipeline.model import ItemVectors
from serving.items import NOTHING, Items

SLICE: Final = 512
"""Items computed at a time: about 2 ms."""
MOST_AHEAD: Final = 8192
"""Items computed ahead for a version: about 30 ms in slices, four times a second."""

Compute = Callable[[Sequence[str], Sequence[Mapping[str, Any]]], ItemVectors]


class Vectors:
    """One vector and bias a slot, computed when first asked for in a version.

    Args:
        items: what the slots hold.
        compute: an item tower; called with at most `SLICE` items.
        dim: d.
        n_tasks: T.
    """

    def __init__(self, items: Items, compute: Compute, dim: int, n_tasks: int) -> None:
        self._items = items
        self._compute = compute
        self._v_nd: Floats = np.zeros((64, dim), np.float32)
        self._bias_nt: Floats = np.zeros((64, n_tasks), np.float32)
        self._stamp_n: Longs = np.full(64, -1, np.int64)
        self._asked_n: Bools = np.zeros(64, np.bool_)
        self._ahead: Longs = np.zeros(0, np.int64)
        self.unreadable = 0
        """Items whose features the configuration cannot read; they count as having none."""

    def forget(self) -> None:
        """Another version is in force: nothing that was computed counts any more."""
        self._ahead = np.flatnonzero(self._asked_n)[:MOST_AHEAD]
        self._asked_n[:] = False
        self._stamp_n[:] = -1

    def ahead(self) -> Iterator[int]:
        """Compute what was asked for in the last version before it is asked for again, as `computing` does."""
        return self.computing(self._ahead[self._items.live_n[self._ahead]])

    def of(self, rows_n: Longs) -> ItemVectors:
        """Vectors and biases of slots; those not known yet are computed first."""
        for _ in self.computing(rows_n):
            pass
        self._asked_n[rows_n] = True
        return ItemVectors(self._v_nd[rows_n], self._bias_nt[rows_n])

    def computing(self, rows_n: Longs) -> Iterator[int]:
        """Compute what is missing, slice by slice; yields how many were computed, so that a caller can pause."""
        capacity = len(self._items.stamp_n)
        self._v_nd, self._bias_nt = grown(self._v_nd, capacity), grown(self._bias_nt, capacity)
        self._stamp_n, self._asked_n = grown(self._stamp_n, capacity, -1), grown(self._asked_n, capacity)
        missing = rows_n[self._stamp_n[rows_n] != self._items.stamp_n[rows_n]]
        for start in range(0, len(missing), SLICE):
            rows = missing[start : start + SLICE]
            vectors = self._read(self._items.names(rows), self._items.features(rows))
            self._v_nd[rows], self._bias_nt[rows] = vectors
            self._stamp_n[rows] = self._items.stamp_n[rows]
            yield len(rows)

    def _read(self, names: Sequence[str], features: Sequence[Mapping[str, Any]]) -> ItemVectors:
        try:
            return self._compute(names, features)
        except BatchError:
            return self._compute(names, [self._readable(*item) for item in zip(names, features, strict=True)])

    def _readable(self, name: str, features: Mapping[str, Any]) -> Mapping[str, Any]:
        # One item with a feature of the wrong type must not take the answers of everybody with it.
        try:
            self._compute([name], [features])
        except BatchError:
            self.unreadable += 1
            return NOTHING
        return features
