"""What an application sends beside ids: features and outcomes."""

import math
import re
from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.errors import ConfigError

Side = Literal["user", "item", "context"]
Kind = Literal["categorical", "multi", "numeric"]
TaskKind = Literal["binary", "value"]

NAME = re.compile(r"[A-Za-z0-9_]{1,64}")


def require(condition: object, message: str) -> None:
    """Raise ConfigError with this message unless the condition holds."""
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True, slots=True)
class Feature:
    """One input beside the ids.

    Attributes:
        side: whose property it is; `context` belongs to the single exposure.
        kind: one value, several values (their mean is used), or a number.
        dim: width of its embedding; without meaning for numbers.
        max_values: values read of a `multi` feature, the rest is ignored.
    """

    name: str
    side: Side
    kind: Kind
    dim: int = 16
    max_values: int = 8

    def __post_init__(self) -> None:
        require(bool(NAME.fullmatch(self.name)), f"feature name {self.name!r}: use letters, digits and _, at most 64")
        require(self.side in get_args(Side), f"feature {self.name}: side {self.side!r} is none of {get_args(Side)}")
        require(self.kind in get_args(Kind), f"feature {self.name}: kind {self.kind!r} is none of {get_args(Kind)}")
        require(1 <= self.dim <= 1024, f"feature {self.name}: dim must be within 1..1024")
        require(1 <= self.max_values <= 256, f"feature {self.name}: max_values must be within 1..256")

    @property
    def table(self) -> str:
        """Name of its embedding table."""
        return f"{self.side}-{self.name}"

    @property
    def width(self) -> int:
        """Most values one row holds."""
        return self.max_values if self.kind == "multi" else 1


@dataclass(frozen=True, slots=True)
class Task:
    """One outcome to predict. A row is positive when its label is above 0.

    Attributes:
        kind: `binary` labels count as 1; `value` labels weigh log1p(min(label, cap)).
        weight: factor of the task's loss.
        eta: exponent of the reward in the codebook's moving average, (1 + h) ** eta.
        cap: largest value counted of a `value` label.
    """

    name: str
    kind: TaskKind = "binary"
    weight: float = 1.0
    eta: float = 1.0
    cap: float = 1e6

    def __post_init__(self) -> None:
        require(bool(NAME.fullmatch(self.name)), f"task name {self.name!r}: use letters, digits and _, at most 64")
        require(
            self.kind in get_args(TaskKind), f"task {self.name}: kind {self.kind!r} is none of {get_args(TaskKind)}"
        )
        for name in ("weight", "eta", "cap"):
            value = getattr(self, name)
            require(math.isfinite(value) and value >= 0, f"task {self.name}: {name} must be finite and not negative")
