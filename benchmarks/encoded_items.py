"""Vectors of many items again and again: what does not change of them is read once."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.interactions import Interactions
from pipeline.arrays import Longs
from pipeline.embedding import EmbeddingTable
from pipeline.features import Values
from pipeline.inputs import Encoded
from pipeline.model import ItemVectors, Model


class FoundRows:
    """Rows of the same ids, asked for again and again: looked up only when the table has changed or ids have come."""

    def __init__(self, tables: Mapping[str, EmbeddingTable]) -> None:
        self._tables = tables
        self._found: dict[str, tuple[int, Longs]] = {}

    def __call__(self, table: str, names: Sequence[str]) -> Longs:
        """Rows of ids that begin with those asked for before."""
        ids = self._tables[table].ids
        changes, rows = self._found.get(table, (-1, np.zeros(0, np.int64)))
        if changes != ids.changes:
            rows = ids.find(names)
        elif len(rows) < len(names):
            rows = np.concatenate((rows, ids.find(names[len(rows) :])))
        self._found[table] = ids.changes, rows
        return rows


class EncodedItems:
    """The first items of a set, as the item tower reads them."""

    def __init__(self, set_: Interactions, model: Model) -> None:
        self._set, self._model, self._find = set_, model, FoundRows(model.tables)
        self._encoded: Encoded | None = None
        self._n = 0

    def vectors(self, n: int) -> ItemVectors:
        """Of the first `n` items by the present towers; never fewer than before."""
        more = range(self._n, n)
        if more or self._encoded is None:
            names = [self._set.items[item] for item in more]
            encoded = self._model.inputs.encode_items(names, [self._set.features_of_item(item) for item in more])
            self._encoded = encoded if self._encoded is None else _joined(self._encoded, encoded)
            self._n = n
        return self._model.encoded_items(self._encoded, self._find)


def _joined(one: Encoded, other: Encoded) -> Encoded:
    values = {
        name: Values(held.ids + other.values[name].ids, np.concatenate((held.counts_n, other.values[name].counts_n)))
        for name, held in one.values.items()
    }
    return Encoded(values, np.concatenate((one.raw_nm, other.raw_nm)))
