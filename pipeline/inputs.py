"""What the towers of each side read, from ids, features and histories."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.arrays import Doubles, Floats, Longs
from pipeline.config import Feature, ModelConfig
from pipeline.errors import BatchError
from pipeline.features import Encoder, Features, Values
from pipeline.gather import Use
from pipeline.layout import Slot, item_layout, user_layout
from pipeline.numbers import Standardiser

Find = Callable[[str, Sequence[str]], Longs]  # table, ids -> rows
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class UserInputs:
    """Users as they ask: n of each; an empty sequence stands for nothing known of any.

    Attributes:
        history_items: latest positives, oldest first.
        history_ages: seconds since each of them.
    """

    user_ids: Sequence[str]
    features: Sequence[Features] = ()
    contexts: Sequence[Features] = ()
    history_items: Sequence[Sequence[str]] = ()
    history_ages: Sequence[Sequence[float]] = ()


@dataclass(frozen=True, slots=True)
class SideInputs:
    """Encoded inputs of one side: one use a slot, raw numbers (n, m) and the same standardised (n, 2m)."""

    uses: tuple[Use, ...]
    raw_nm: Doubles
    numbers_nm: Floats


class Inputs:
    """Encodes users and items for the towers; its standardisers are the only thing learned here."""

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.encoder = Encoder(config)
        self._item_layout, self._user_layout = item_layout(config), user_layout(config)
        self._features = {feature.table: feature for feature in config.features}
        self.item_numbers = Standardiser(self._item_layout.numbers)
        self.user_numbers = Standardiser(self._user_layout.numbers)

    def items(self, ids: Sequence[str], features: Sequence[Features], find: Find) -> SideInputs:
        """Inputs of the item tower."""
        mappings = filled(features, len(ids), "item features")
        self.encoder.count_unknown("item", mappings)
        known = {"item": Values.single(ids)}
        uses = tuple(self._use(slot, known, {"item": mappings}, find) for slot in self._item_layout.slots)
        raw = self._raw(self._item_layout.numbers, {"item": mappings}, len(ids))
        return SideInputs(uses, raw, self.item_numbers.transform(raw))

    def users(self, inputs: UserInputs, find: Find) -> SideInputs:
        """Inputs of the user tower."""
        n = len(inputs.user_ids)
        mappings = {
            "user": filled(inputs.features, n, "user features"),
            "context": filled(inputs.contexts, n, "contexts"),
        }
        for side, entries in mappings.items():
            self.encoder.count_unknown(side, entries)
        known = {"user": Values.single(inputs.user_ids)}
        history = self._history(filled(inputs.history_items, n, "histories", ()), find)
        uses = tuple(
            history[slot.name] if slot.name in history else self._use(slot, known, mappings, find)
            for slot in self._user_layout.slots
        )
        raw = self._raw(self._user_layout.numbers, mappings, n)
        return SideInputs(uses, raw, self.user_numbers.transform(raw))

    def learn_numbers(self, users: SideInputs, items: SideInputs) -> None:
        """Let the standardisers learn from one batch."""
        self.user_numbers.update(users.raw_nm)
        self.item_numbers.update(items.raw_nm)

    def _history(self, rows: Sequence[Sequence[str]], find: Find) -> dict[str, Use]:
        width, dim = self.config.history, self.config.id_dim
        values = Values.several([row[: -width - 1 : -1] for row in rows])  # latest first
        rows_nw = values.padded(find("item", values.ids), width)
        weights = values.mean_weights(width)
        return {"history": Use("item", dim, rows_nw, weights), "last": Use("item", dim, rows_nw[:, :1])}

    def _use(self, slot: Slot, known: Mapping[str, Values], mappings: Mapping[str, Any], find: Find) -> Use:
        values = known.get(slot.name)
        if values is None:
            feature: Feature = self._features[slot.name]
            values = self.encoder.values(feature, mappings[feature.side])
        rows = values.padded(find(slot.table, values.ids), slot.width)
        weights = values.mean_weights(slot.width) if slot.width > 1 else None
        return Use(slot.table, slot.dim, rows, weights)

    def _raw(self, names: Sequence[str], mappings: Mapping[str, Any], n: int) -> Doubles:
        columns = []
        for name in names:
            feature = self._features[name]
            columns.append(self.encoder.numbers([feature], mappings[feature.side])[:, 0])
        return np.stack(columns, axis=1) if columns else np.zeros((n, 0))


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
