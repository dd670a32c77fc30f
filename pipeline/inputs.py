"""What the towers of each side read, from ids, features and histories."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.arrays import Doubles, Floats, Longs
from pipeline.config import ModelConfig
from pipeline.errors import BatchError
from pipeline.features import Encoder, Features, Values
from pipeline.gather import Use
from pipeline.layout import HISTORY_NUMBERS, ITEM_TABLE, Layout, attended_width, item_layout, user_layout
from pipeline.numbers import Standardiser

Find = Callable[[str, Sequence[str]], Longs]  # table, ids -> rows
NOTHING: Mapping[str, Any] = {}
HISTORY_AGAIN = ("recent", "last")  # slots that follow the history and read the same rows, or the first of them


@dataclass(frozen=True, slots=True)
class UserInputs:
    """Users as they ask: n of each; an empty sequence stands for nothing known of any.

    Attributes:
        history_items: latest positives, oldest first.
        history_ages: seconds since positives; only the last is read, that of the latest. Empty: not known.
    """

    user_ids: Sequence[str]
    features: Sequence[Features] = ()
    contexts: Sequence[Features] = ()
    history_items: Sequence[Sequence[str]] = ()
    history_ages: Sequence[Sequence[float]] = ()


@dataclass(frozen=True, slots=True)
class Encoded:
    """Inputs of one side before any table is read: ids a slot name, raw numbers (n, m)."""

    values: Mapping[str, Values]
    raw_nm: Doubles


@dataclass(frozen=True, slots=True)
class SideInputs:
    """Inputs of one side: one use a slot, standardised numbers (n, 2m), and what attention alone reads."""

    uses: tuple[Use, ...]
    numbers_nm: Floats
    attended: tuple[Use, ...] = ()

    @property
    def all_uses(self) -> tuple[Use, ...]:
        """What towers and attention read."""
        return (*self.uses, *self.attended)

    def rows_of(self, table: str) -> Longs:
        """Rows of the first slot that reads this table, (n, 1) or wider."""
        return next(use.rows_nw for use in self.uses if use.table == table)


class Inputs:
    """Encodes users and items for the towers; its standardisers are the only thing learned here."""

    def __init__(self, config: ModelConfig, *, strict: bool = True) -> None:
        self.config = config
        self.encoder = Encoder(config, strict=strict)
        self._item_layout, self._user_layout = item_layout(config), user_layout(config)
        self._features = {feature.table: feature for feature in config.features}
        self.item_numbers = Standardiser(self._item_layout.numbers)
        self.user_numbers = Standardiser(self._user_layout.numbers)

    def encode_items(self, ids: Sequence[str], features: Sequence[Features]) -> Encoded:
        """Read the item tower's inputs.

        Raises:
            BatchError: the sequences differ in length, or a feature has another type than configured.
        """
        mappings = {"item": filled(features, len(ids), "item features")}
        return self._encode(self._item_layout, {"item": Values.single(ids)}, mappings, len(ids))

    def encode_users(self, inputs: UserInputs) -> Encoded:
        """Read the user tower's inputs.

        Raises:
            BatchError: as for items.
        """
        n = len(inputs.user_ids)
        mappings = {
            "user": filled(inputs.features, n, "user features"),
            "context": filled(inputs.contexts, n, "contexts"),
        }
        rows = filled(inputs.history_items, n, "histories", ())
        known = {"user": Values.single(inputs.user_ids), "history": self._latest(rows, self.config.tower_history)}
        if self.config.ranker == "attention":
            known["attended"] = self._latest(rows, attended_width(self.config))
        encoded = self._encode(self._user_layout, known, mappings, n)
        encoded.raw_nm[:, -len(HISTORY_NUMBERS) :] = _history_numbers(rows, inputs.history_ages, self.config.history)
        return encoded

    def items(self, encoded: Encoded, find: Find) -> SideInputs:
        """Look the item tower's inputs up."""
        return self._look_up(self._item_layout, encoded, self.item_numbers, find)

    def users(self, encoded: Encoded, find: Find) -> SideInputs:
        """Look the user tower's inputs up."""
        side = self._look_up(self._user_layout, encoded, self.user_numbers, find)
        if self.config.ranker != "attention":
            return side
        values = encoded.values["attended"]
        rows = values.padded(find(ITEM_TABLE, values.ids), attended_width(self.config))
        return replace(side, attended=(Use(ITEM_TABLE, self.config.id_dim, rows),))

    def _latest(self, rows: Sequence[Sequence[str]], most: int) -> Values:
        """The latest positives that are kept, latest first."""
        width = min(most, self.config.history)
        return Values.several([row[: -width - 1 : -1] for row in rows])

    def _encode(
        self, layout: Layout, known: Mapping[str, Values], mappings: Mapping[str, Sequence[Features]], n: int
    ) -> Encoded:
        values = dict(known)
        for slot in layout.slots:
            if slot.name in self._features:
                feature = self._features[slot.name]
                values[slot.name] = self.encoder.values(feature, mappings[feature.side])
        raw = np.zeros((n, len(layout.numbers)))
        for column, name in enumerate(layout.numbers):
            if name in HISTORY_NUMBERS:
                continue
            feature = self._features[name]
            raw[:, column] = self.encoder.numbers(feature, mappings[feature.side])
        for side, entries in mappings.items():
            self.encoder.count_unknown(side, entries)
        return Encoded(values, raw)

    def _look_up(self, layout: Layout, encoded: Encoded, numbers: Standardiser, find: Find) -> SideInputs:
        uses: list[Use] = []
        for slot in layout.slots:
            if slot.name in HISTORY_AGAIN:
                values, rows = encoded.values["history"], uses[-1].rows_nw
                rows = rows if rows.shape[1] == slot.width else rows[:, : slot.width]
            else:
                values = encoded.values[slot.name]
                rows = values.padded(find(slot.table, values.ids), slot.width)
            weights = values.mean_weights(slot.width, slot.half_life) if slot.width > 1 else None
            uses.append(Use(slot.table, slot.dim, rows, weights))
        return SideInputs(tuple(uses), numbers.transform(encoded.raw_nm))


def filled(entries: Sequence[Any], n: int, what: str, default: Any = NOTHING) -> Sequence[Any]:
    """The entries, or n defaults when there are none at all.

    Raises:
        BatchError: there are some, but not n.
    """
    if len(entries) == n:
        return entries
    if len(entries) == 0:
        return [default] * n
    raise BatchError(f"{what}: {len(entries)} entries for {n} rows")


def _history_numbers(items: Sequence[Sequence[str]], ages: Sequence[Sequence[float]], longest: int) -> Doubles:
    """log(1 + seconds since the latest positive), NaN where not known, and log(1 + length), (n, 2)."""
    latest = [entry[-1] if entry else math.nan for entry in ages] or [math.nan] * len(items)
    lengths = [min(len(entry), longest) for entry in items]
    numbers = np.array([latest, lengths], np.float64).T
    return np.log1p(np.maximum(numbers, 0.0))
