"""Which tables feed which tower."""

from dataclasses import dataclass

from pipeline.config import ModelConfig

USER_TABLE = "user"
ITEM_TABLE = "item"
ITEM_SLOT = "item"
HISTORY_SLOTS = ("history", "recent", "last")
HISTORY_NUMBERS = ("history.age", "history.length")


@dataclass(frozen=True, slots=True)
class Slot:
    """One input of a tower: a weighted sum of rows of a table.

    Attributes:
        name: table of the feature, or user, item, history, recent, last.
        table: the embedding table read.
        dim: columns of it that are read.
        width: values a row holds at most.
        half_life: values after which the weight in the mean has halved; None: all weigh the same.
    """

    name: str
    table: str
    dim: int
    width: int
    half_life: float | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Inputs of one tower, in the order in which they are concatenated; numbers come last, each with its presence."""

    slots: tuple[Slot, ...]
    numbers: tuple[str, ...]

    @property
    def width(self) -> int:
        """Length of the concatenated input."""
        return sum(slot.dim for slot in self.slots) + 2 * len(self.numbers)

    def columns(self, name: str) -> slice:
        """Where a slot lies in the concatenated input."""
        names = [slot.name for slot in self.slots]
        begin = sum(slot.dim for slot in self.slots[: names.index(name)])
        return slice(begin, begin + self.slots[names.index(name)].dim)


def item_layout(config: ModelConfig) -> Layout:
    """Item id, item features."""
    features = config.side("item")
    return Layout(
        (Slot(ITEM_SLOT, ITEM_TABLE, config.id_dim, 1), *_slots(config, "item")),
        tuple(feature.table for feature in features if feature.kind == "numeric"),
    )


def user_layout(config: ModelConfig) -> Layout:
    """User id; the history: its mean, its latest few, its last, how old and how long; user and context features."""
    width = min(config.tower_history, config.history)
    history = (
        Slot("history", ITEM_TABLE, config.id_dim, width),
        Slot("recent", ITEM_TABLE, config.id_dim, width, config.recency),
        Slot("last", ITEM_TABLE, config.id_dim, 1),
    )
    features = config.side("user", "context")
    return Layout(
        (Slot("user", USER_TABLE, config.id_dim, 1), *history, *_slots(config, "user", "context")),
        (*(feature.table for feature in features if feature.kind == "numeric"), *HISTORY_NUMBERS),
    )


def attended_width(config: ModelConfig) -> int:
    """Latest positives among which attention finds the `rank_history` it reads, leaving some out."""
    return max(config.rank_history, config.history) if config.history_debias else config.rank_history


def table_dims(config: ModelConfig, *, users: bool, items: bool) -> dict[str, int]:
    """Width of each table that these sides read. An item's row ends with one bias a task."""
    dims = {ITEM_TABLE: config.id_dim + config.n_tasks}
    layouts = ([user_layout(config)] if users else []) + ([item_layout(config)] if items else [])
    for layout in layouts:
        for slot in layout.slots:
            dims.setdefault(slot.table, slot.dim)
    return dims


def _slots(config: ModelConfig, *sides: str) -> tuple[Slot, ...]:
    chosen = [feature for feature in config.features if feature.side in sides and feature.kind != "numeric"]
    return tuple(Slot(feature.table, feature.table, feature.dim, feature.width) for feature in chosen)
