"""Settings for JSON lines as on the wire: the fields say whose features they are, their values of what kind."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from infra.event_files import lines_of
from infra.first_settings.guessed import Guessed, GuessedFeature, GuessedTask, seen
from pipeline.config import Kind, Side
from pipeline.signals import NAME
from schemas.errors import SettingsError

MOST_LINES = 100_000
FEW = 32  # whole numbers of so few different values name something
BARELY_SHARED = 0.1
SIDES: Final[tuple[Side, ...]] = ("item", "user", "context")
ID_NAMES = ("id", "code", "type", "kind", "category", "zip")

Columns = dict[str, list[Any]]


def guess_lines(path: Path) -> Guessed:
    """Look at the first 100,000 events.

    Raises:
        SettingsError: a line is no event, or there is no exposure.
    """
    sample = _Sample()
    for number, line in enumerate(islice(lines_of(path), MOST_LINES), 1):
        try:
            sample.take(msgspec.json.decode(line, type=dict[str, Any]))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise SettingsError(f"{path}: line {number} is no event: {error}") from error
    if not sample.exposures:
        raise SettingsError(
            f"{path}: its first {MOST_LINES:,} lines hold no exposure, an object with user_id, item_id and timestamp. "
            "Without one nothing says what is to be predicted"
        )
    return sample.guessed()


class _Sample:
    """Values by side and name, labels by name."""

    def __init__(self) -> None:
        self.exposures = 0
        self._candidates = 0
        self._users: set[str] = set()
        self._items: set[str] = set()
        self._columns: dict[Side, Columns] = {side: {} for side in SIDES}
        self._labels: Columns = {}

    def take(self, event: Mapping[str, Any]) -> None:
        if "user_id" not in event:
            self._candidates += 1
            self._items.add(str(event.get("item_id")))
            _add(self._columns["item"], event.get("features"))
            return
        self.exposures += 1
        self._users.add(str(event["user_id"]))
        self._items.add(str(event.get("item_id")))
        _add(self._columns["user"], event.get("user"))
        _add(self._columns["context"], event.get("context"))
        _add(self._labels, event.get("labels"))

    def guessed(self) -> Guessed:
        features: list[GuessedFeature] = []
        notes: list[str] = []
        for side, name, values in self._named():
            kind = _kind(name, values)
            if kind in {"categorical", "multi", "numeric"}:
                rows = self._candidates if side == "item" else self.exposures
                why = seen(side, kind, values, rows, "items published" if side == "item" else "exposures")  # type: ignore[arg-type]
                features.append(GuessedFeature(side, name, kind, why))  # type: ignore[arg-type]
            else:
                notes.append(f"{side} feature {name} is left out: {kind}")
        tasks = self._tasks(notes)
        return Guessed(self.exposures, len(self._users), len(self._items), tasks, features, notes)

    def _named(self) -> Iterator[tuple[Side, str, list[Any]]]:
        for side, columns in self._columns.items():
            for name, values in columns.items():
                yield side, name, values

    def _tasks(self, notes: list[str]) -> list[GuessedTask]:
        tasks = []
        for name, values in self._labels.items():
            known = [float(value) for value in values if isinstance(value, int | float) and math.isfinite(value)]
            if not known or not NAME.fullmatch(name):
                notes.append(f"label {name} is left out: it holds no numbers, or its name is none")
                continue
            binary = set(known) <= {0.0, 1.0}
            positive = sum(value > 0 for value in known)
            what = "zeros and ones" if binary else "numbers: each counts by its size"
            why = f"{what}, above 0 in {positive:,} of {self.exposures:,} exposures"
            tasks.append((positive, GuessedTask(name, "binary" if binary else "value", why)))
        if not tasks:
            notes.append("no exposure has labels: give them one that says what succeeded, for example click")
            return [GuessedTask("click", "binary", "no exposure of the sample has labels; this is a beginning")]
        return [task for _, task in sorted(tasks, key=lambda one: -one[0])]


def _add(columns: Columns, values: Any) -> None:
    for name, value in (values or {}).items():
        if value is not None:
            columns.setdefault(name, []).append(value)


def _kind(name: str, values: Sequence[Any]) -> Kind | str:
    """The kind of a feature with these values, or why it is none."""
    if not NAME.fullmatch(name):
        return "a name has letters, digits and _, at most 64"
    types = set(map(type, values))
    if types == {list}:
        inner = {type(value) for row in values for value in row}
        return "multi" if inner <= {str, int, bool} else "it holds vectors or structures"
    if types <= {int, float} and bool not in types:
        return _number(name, values, whole=types == {int})
    if types <= {str, bool, int}:
        return "categorical" if _shared(values) >= BARELY_SHARED else "hardly two share a value"
    return "it holds values of several kinds, or structures"


def _number(name: str, values: Sequence[Any], *, whole: bool) -> Kind:
    named = name.lower().endswith(ID_NAMES)
    few = whole and len(set(values)) <= FEW and _shared(values) >= BARELY_SHARED
    return "categorical" if few or (whole and named and _shared(values) >= BARELY_SHARED) else "numeric"


def _shared(values: Sequence[Any]) -> float:
    counts = Counter(map(str, values))
    return sum(count for count in counts.values() if count > 1) / len(values)
