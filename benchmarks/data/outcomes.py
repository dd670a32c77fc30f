"""Which columns of the interactions are outcomes to predict.

Without a choice of the user's:

1. Columns whose every value is 0 or 1 (or false, true, or missing) and that are not constant may be outcomes.
2. Names that mean rejection (hate, dislike, skip, report, unfollow, return, ...) are none: their 1 is not a success.
3. If some of the rest are named like an action (click, view, watch, buy, like, label, ...), only those count; flags of
   circumstance such as `is_weekend` then fall away.
4. The one with the most positives is the first task, the one predicted; up to two more with at least 5 % of positives
   are trained beside it: rarer ones are a handful of rows a batch.
5. Where none is left, every row is a positive of one task, `interaction`.

A task that the user names may be a condition, such as `rating>=4`; a column of grades must be, for no grade is 0.

Ratings, watch times and all else of the interactions file are outcomes of another kind, known only after the item was
shown: never features.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.data.errors import InputError
from pipeline.arrays import Floats

MOST_TASKS = 3
LEAST_SHARE = 0.05
LEVELS = {
    0: 0.0,
    1: 1.0,
    "0": 0.0,
    "1": 1.0,
    "0.0": 0.0,
    "1.0": 1.0,
    "false": 0.0,
    "true": 1.0,
    "no": 0.0,
    "yes": 1.0,
}  # False == 0
MOST_GRADES = 10  # half steps up to 5, or whole ones up to 10
MOST_LEVELS = 8  # ways to write 0, 1 and missing in one column
CONDITION = re.compile(r"(.+?)\s*(>=|>)\s*(-?\d+(?:\.\d+)?)")
REJECTION = re.compile(
    r"(^|_)(hate|dislik|unlik|unfollow|unsub|skip|report|block|hid|negativ|neg(_|$)|bounc|return|refund|cancel|reject|not_|no_)"
)
ACTION = re.compile(
    r"(^|_)(click|view|lik|watch|play|listen|read|open|visit|enter|buy|bought|purchas|order|cart|pay|paid|follow|shar|"
    r"comment|forward|conver|finish|complet|favo|sav|download|install|rat|subscrib|book|engag|reply|retweet|collect|"
    r"accept|appl|add|interact|respon|reward|label|target|positive|outcome|success|y$)"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A task that the user names: a column, of which values above 0 are positive, or a column with a least value.

    Attributes:
        name: as it was named.
        sign: `>=`, `>`, or none.
        bound: the value that the column is compared with.
    """

    name: str
    column: str
    sign: str = ""
    bound: float = 0.0

    def labels(self, values_n: Floats) -> Floats:
        """The values themselves, or 1 and 0 by the comparison; NaN stays NaN."""
        if not self.sign:
            return values_n
        met = values_n >= np.float32(self.bound) if self.sign == ">=" else values_n > np.float32(self.bound)
        labels: Floats = np.where(np.isnan(values_n), np.float32(np.nan), met.astype(np.float32))
        return labels

    def check(self, labels_n: Floats) -> None:
        """Raise InputError where these are grades: all of them are above 0, so every row would be a positive."""
        levels = np.unique(labels_n[~np.isnan(labels_n)])
        if not self.sign and 1 < len(levels) <= MOST_GRADES and levels[0] > 0:
            high = levels[2 * len(levels) // 3]
            raise InputError(
                f"task {self.name}: its column holds grades, {levels[0]:g} to {levels[-1]:g}, so every row would be a"
                f" positive. Name the least that is one, such as --task '{self.column}>={high:g}'"
            )

    @property
    def never(self) -> str:
        """What it means that no row is positive."""
        return f"no row has a value {self.sign} {self.bound:g}" if self.sign else "no row has a value above 0"


def asked(task: str, columns: Sequence[str]) -> Asked:
    """What a user's name of a task means, given the columns there are.

    >>> asked("rating >= 4", ["rating"])
    Asked(name='rating >= 4', column='rating', sign='>=', bound=4.0)
    """
    condition = CONDITION.fullmatch(task)
    if task in columns or not condition:
        return Asked(task, task)
    return Asked(task, condition[1], condition[2], float(condition[3]))


@dataclass(slots=True)
class Outcome:
    """One column that may be an outcome, read batch after batch.

    Attributes:
        name: of the task.
        asked: what the user wants of it, so any number is allowed.
        parts: labels read so far, NaN for missing; None once it turned out to be no outcome.
    """

    name: str
    column: str
    asked: Asked | None = None
    parts: list[Floats] | None = field(default_factory=list)

    def read(self, column: pa.Array) -> None:
        """Read the next rows.

        Raises:
            InputError: it was chosen and holds something else than numbers.
        """
        if self.parts is not None:
            labels = _levels(column) if self.asked is None else self.asked.labels(_numbers(column, self.column))
            if labels is None:
                self.parts = None
            else:
                self.parts.append(labels)

    @property
    def labels_n(self) -> Floats | None:
        """One label a row, NaN for missing; None for no outcome."""
        return None if self.parts is None else np.concatenate([*self.parts, np.zeros(0, np.float32)])


def choose(labels: dict[str, Floats]) -> list[str]:
    """Names of the tasks, the one predicted first, by the rules above; none if every row is a positive."""
    shares = {name: _share(values) for name, values in labels.items()}
    able = [name for name, share in shares.items() if 0 < share < 1 and not REJECTION.search(_snake(name))]
    named = [name for name in able if ACTION.search(_snake(name))]
    ranked = sorted(named or able, key=lambda name: -shares[name])
    return [name for place, name in enumerate(ranked[:MOST_TASKS]) if place == 0 or shares[name] >= LEAST_SHARE]


def is_binary(labels: Sequence[float] | Floats) -> bool:
    """Whether all known labels are 0 or 1."""
    values = np.asarray(labels)
    return bool(np.all(np.isnan(values) | (values == 0) | (values == 1)))


def _share(labels: Floats) -> float:
    known = int(np.sum(~np.isnan(labels)))
    return float(np.nansum(labels)) / known if known else 0.0


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+", "_", name).lower()


def _levels(column: pa.Array) -> Floats | None:
    if pa.types.is_nested(column.type):
        return None
    encoded = column.dictionary_encode()
    if len(encoded.dictionary) > MOST_LEVELS:
        return None
    table = []
    for value in encoded.dictionary.to_pylist():
        missing = value is None or value != value  # NaN
        level = np.nan if missing else LEVELS.get(value.strip().lower() if isinstance(value, str) else value)
        if level is None:
            return None
        table.append(level)
    indices = encoded.indices.fill_null(len(table)).to_numpy(zero_copy_only=False)
    labels: Floats = np.array([*table, np.nan], np.float32)[indices]
    return labels


def _numbers(column: pa.Array, name: str) -> Floats:
    levels = _levels(column)
    if levels is not None:
        return levels
    try:
        numbers: Floats = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float32)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            f"task {name}: its column holds {column.type} that is no number, for example: {error}"
        ) from error
    return numbers
