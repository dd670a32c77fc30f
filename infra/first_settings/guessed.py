"""What a sample of events says about the settings that fit it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config import Kind, Side, TaskKind


@dataclass(frozen=True, slots=True)
class GuessedTask:
    """An outcome to predict; `why` is a sentence for the user to check."""

    name: str
    kind: TaskKind
    why: str


@dataclass(frozen=True, slots=True)
class GuessedFeature:
    """A feature of a user, an item or the context; `why` is a sentence for the user to check."""

    side: Side
    name: str
    kind: Kind
    why: str


@dataclass(frozen=True, slots=True)
class Guessed:
    """Settings for a sample of `events` events.

    Attributes:
        tasks: the first one is the one to look at; the others are learned beside it.
        notes: what else was decided while reading, and what is not read, a sentence each.
    """

    events: int
    users: int
    items: int
    tasks: Sequence[GuessedTask]
    features: Sequence[GuessedFeature]
    notes: Sequence[str]

    def plain(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "events": self.events, "users": self.users, "items": self.items, "notes": list(self.notes),
            "tasks": [{"name": one.name, "kind": one.kind, "why": one.why} for one in self.tasks],
            "features": [
                {"side": one.side, "name": one.name, "kind": one.kind, "why": one.why} for one in self.features
            ],
        }  # fmt: skip


MOST_EXAMPLES, EXAMPLE_LENGTH = 3, 20


def seen(side: Side, kind: Kind, values: Sequence[Any], rows: int, of: str) -> str:
    """What was seen of a feature: `values` of those of `rows` that have it, None or nothing for the others.

    Examples are given of items alone: what is said of users belongs into no file that is passed around.
    """
    filled = [value for value in values if value not in (None, [], ())]
    share = f"{len(filled) / max(rows, 1):.0%} of the {of} have it"
    if kind == "numeric":
        return f"numbers from {min(filled):g} to {max(filled):g}; {share}"
    different = list(dict.fromkeys(map(str, _flat(filled) if kind == "multi" else filled)))
    what = "several values each" if kind == "multi" else "one value each"
    some = ", ".join(_short(value) for value in different[:MOST_EXAMPLES])
    examples = f" such as {some}" if side == "item" else ""
    return f"{what}, {len(different):,} different ones{examples}; {share}"


def _flat(rows: Sequence[Sequence[Any]]) -> Iterator[Any]:
    for row in rows:
        yield from row


def _short(value: str) -> str:
    text = " ".join(value.split())
    return repr(text if len(text) <= EXAMPLE_LENGTH else text[: EXAMPLE_LENGTH - 1] + "…")
