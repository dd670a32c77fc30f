"""The only way parameters and state leave and enter the core."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rows = tuple[list[str], Array]


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed: rows by table and id, ids removed, and dense tensors, each with its absolute new value.

    Attributes:
        rows: table -> (ids, values (n, width)); an id occurs once.
        removed: table -> ids that no longer exist; never also in `rows`.
        dense: name -> tensor. Names of tensors contain a dot, names of tables do not.
    """

    rows: dict[str, Rows] = field(default_factory=dict)
    removed: dict[str, list[str]] = field(default_factory=dict)
    dense: dict[str, Array] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(ids for ids, _ in self.rows.values()) or any(self.removed.values()) or bool(self.dense)

    def __len__(self) -> int:
        """Records needed to write this down."""
        rows = sum(len(ids) for ids, _ in self.rows.values())
        return rows + sum(map(len, self.removed.values())) + len(self.dense)

    def put(self, table: str, ids: Sequence[str], values: Array) -> None:
        """Add the rows of a table that has none yet; nothing for no ids."""
        if ids:
            self.rows[table] = (list(ids), values)

    def remove(self, table: str, ids: Sequence[str]) -> None:
        """Add removed ids of a table that has none yet; nothing for no ids."""
        if ids:
            self.removed[table] = list(ids)

    def merge(self, later: "Changes") -> "Changes":
        """Both, where `later` wins: applying the result equals applying one after the other."""
        merged = Changes(dense={**self.dense, **later.dense})
        for table in sorted({*self.rows, *self.removed, *later.rows, *later.removed}):
            rows = _by_id(self.rows.get(table))
            removed = dict.fromkeys(self.removed.get(table, ()))
            for name in later.removed.get(table, ()):
                rows.pop(name, None)
                removed[name] = None
            fresh = _by_id(later.rows.get(table))
            rows.update(fresh)
            merged.remove(table, [name for name in removed if name not in fresh])
            if rows:
                merged.put(table, list(rows), np.stack(list(rows.values())))
        return merged

    def tables(self, *names: str) -> "Changes":
        """Only the rows and removals of these tables, without dense tensors."""
        return Changes(
            rows={name: self.rows[name] for name in names if name in self.rows},
            removed={name: self.removed[name] for name in names if name in self.removed},
        )


def _by_id(rows: Rows | None) -> dict[str, Array]:
    return dict(zip(rows[0], rows[1], strict=True)) if rows is not None else {}
