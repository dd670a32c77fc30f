"""One set of interactions, ready to be replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.arrays import Floats, Ints, Longs
from pipeline.config import Feature, Task

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Interactions:
    """N exposures in time order, columns of numbers, and what is known of users and items.

    Items are numbered in order of publication: those known at a moment are the numbers below some n. An item is
    published by its first exposure, unless its file says earlier.

    Attributes:
        name: of the set.
        users: id of each user number, (U,).
        items: id of each item number, (M,).
        user_n: user of each exposure.
        item_n: item of each exposure.
        time_n: milliseconds since the epoch, never decreasing.
        labels_nt: one column a task, NaN for unknown; exposures positive for the first task are predicted.
        published_m: milliseconds since the epoch from which each item may be offered, never decreasing.
        user_features, item_features: by number.
        dropped: reason -> rows of the file that are not here.
        ignored_columns: columns of the files that are neither read as features nor as tasks.
        notes: what was decided while reading, for the user to check, a sentence each.
    """

    name: str
    users: Sequence[str]
    items: Sequence[str]
    user_n: Ints
    item_n: Ints
    time_n: Longs
    tasks: tuple[Task, ...]
    labels_nt: Floats
    published_m: Longs
    features: tuple[Feature, ...] = ()
    user_features: Sequence[Mapping[str, Any]] = ()
    item_features: Sequence[Mapping[str, Any]] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    ignored_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.user_n)

    def features_of_user(self, user: int) -> Mapping[str, Any]:
        """What is known of a user number."""
        return self.user_features[user] if self.user_features else NOTHING

    def features_of_item(self, item: int) -> Mapping[str, Any]:
        """What is known of an item number."""
        return self.item_features[item] if self.item_features else NOTHING

    def head(self, rows: int) -> "Interactions":
        """The same without all that comes after so many exposures; numbers keep their meaning."""
        columns = {name: getattr(self, name)[:rows] for name in ("user_n", "item_n", "time_n", "labels_nt")}
        return replace(self, **columns)
