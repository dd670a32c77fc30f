"""Which items may be retrieved at all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

DAY_MS = 86_400_000
Plain = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Between:
    """Numbers from `least` to `most`, both included; None: no bound."""

    least: float | None = None
    most: float | None = None

    def holds(self, value: object) -> bool:
        """Whether it is such a number."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


Condition = tuple[Plain, ...] | Between
"""One of these values, or a range."""


@dataclass(frozen=True, slots=True)
class Eligibility:
    """A limit to the age of items and conditions on their attributes, all of which must hold.

    Attributes:
        max_age_ms: milliseconds since publication after which an item is not offered; None: no limit.
        where: by attribute. Of an attribute with several values one must fit; one that an item lacks does not.

    >>> rule = Eligibility(where={"in_stock": (True,), "price": Between(most=20)})
    >>> rule.allows({"in_stock": True, "price": 3.5}), rule.allows({"price": 3.5})
    (True, False)
    """

    max_age_ms: int | None = None
    where: Mapping[str, Condition] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is any rule."""
        return self.max_age_ms is not None or bool(self.where)

    def allows(self, *attributes: Mapping[str, Any]) -> bool:
        """Whether the attributes of an item fit; of those given in several places the first counts."""
        return all(_fits(condition, _first(name, attributes)) for name, condition in self.where.items())

    def oldest(self, now_ms: int | None) -> int | None:
        """Time of publication before which items are too old; None when none is.

        Args:
            now_ms: milliseconds since 1970; None while it is not known how late it is.
        """
        return None if self.max_age_ms is None or now_ms is None else now_ms - self.max_age_ms


EVERYTHING: Final = Eligibility()


def _first(name: str, attributes: Iterable[Mapping[str, Any]]) -> Any:
    return next((held[name] for held in attributes if name in held), None)


def _fits(condition: Condition, value: object) -> bool:
    values = value if isinstance(value, list | tuple) else (value,)
    if isinstance(condition, Between):
        return any(condition.holds(one) for one in values)
    return any(one == wanted for one in values for wanted in condition)
