"""Settings of what may be retrieved, the same for every process that offers items or keeps them ready."""

from pydantic import Field, FiniteFloat

from pipeline.eligibility import DAY_MS, Between, Condition, Eligibility
from schemas.section import Section

Plain = bool | FiniteFloat | str


class RangeSettings(Section):
    """Numbers between two bounds, both included."""

    min: FiniteFloat | None = Field(None, description="Least number that fits.")
    max: FiniteFloat | None = Field(None, description="Largest number that fits.")


class EligibleSettings(Section):
    """Items that answers may hold: a limit to their age, and conditions on their attributes that must all hold."""

    max_age_days: float | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="Items published longer ago are not offered, nor drawn as negatives, in time of the stream;"
        " unset: no limit.",
    )
    where: dict[str, Plain | list[Plain] | RangeSettings] = Field(
        default_factory=dict,
        description="By attribute (or else feature) of the item: a value, several of which one must fit, or"
        " `{min = …, max = …}`. Items without the attribute are not offered.",
    )

    def rule(self) -> Eligibility:
        """As the core knows it."""
        age = None if self.max_age_days is None else round(self.max_age_days * DAY_MS)
        return Eligibility(age, {name: _condition(value) for name, value in self.where.items()})


def _condition(value: Plain | list[Plain] | RangeSettings) -> Condition:
    if isinstance(value, RangeSettings):
        return Between(value.min, value.max)
    return tuple(value) if isinstance(value, list) else (value,)
