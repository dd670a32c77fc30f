"""Filters in a question: conditions on what items were published with, joined by and, or and not."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StrictBool, Tag

from schemas.limits import LIMITS, REQUESTS

Scalar = bool | int | float | str
JOINS: Final = ("and", "or", "not")
OPERATORS: Final = ("eq", "in", "exists")
BOUNDS: Final = ("gt", "gte", "lt", "lte")
MEANT: Final = (
    "a filter is an object with `and`, `or` or `not`, or with `attribute` and one of `eq`, `in`, `exists`,"
    " or bounds of `gt`, `gte`, `lt`, `lte`"
)


def _scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("a value is a text, a number, true or false; for items without one ask `exists`: false")
    if isinstance(value, str) and len(value) > LIMITS.text_length:
        raise ValueError(f"a text has at most {LIMITS.text_length} characters")
    return value if isinstance(value, bool | str) else _number(value)


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a bound is a number")
    if not -(2**63) <= value < 2**63 if isinstance(value, int) else abs(value) == float("inf") or value != value:
        raise ValueError("a number is finite, an integer has at most 64 bits")
    return value


Value = Annotated[Scalar, BeforeValidator(_scalar, json_schema_input_type=Scalar)]
Bound = Annotated[int | float | None, BeforeValidator(_number, json_schema_input_type=int | float)]
AttributeName = Annotated[str, Field(min_length=1, max_length=LIMITS.id_bytes)]


class Part(BaseModel):
    """One part of a filter; it never changes, so that what it selects can be kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, serialize_by_alias=True)


class Equals(Part):
    """The attribute has this value; of several values one must be it. 1 and 1.0 are the same, 1 and true are not."""

    attribute: AttributeName
    eq: Value


class OneOf(Part):
    """The attribute has one of these values."""

    attribute: AttributeName
    in_: Annotated[tuple[Value, ...], Field(alias="in", min_length=1, max_length=REQUESTS.filter_values)]


class Exists(Part):
    """The attribute has a value, or (false) it has none: it is missing, null, or an empty list."""

    attribute: AttributeName
    exists: StrictBool


class Range(Part):
    """The attribute is a number within all bounds that are given; of several numbers one must be."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 2})

    attribute: AttributeName
    gt: Bound = None
    gte: Bound = None
    lt: Bound = None
    lte: Bound = None


class And(Part):
    """All of these hold."""

    and_: Annotated[tuple["Filter", ...], Field(alias="and", min_length=1, max_length=REQUESTS.filter_conditions)]


class Or(Part):
    """At least one of these holds."""

    or_: Annotated[tuple["Filter", ...], Field(alias="or", min_length=1, max_length=REQUESTS.filter_conditions)]


class Not(Part):
    """This does not hold: also of items that have no such attribute."""

    not_: Annotated["Filter", Field(alias="not")]


def _kind(value: Any) -> str | None:
    """Which of them an object is meant to be."""
    if isinstance(value, BaseModel):
        return type(value).__name__
    given = value.keys() if isinstance(value, Mapping) else ()
    meant = {"and": "And", "or": "Or", "not": "Not", "eq": "Equals", "in": "OneOf", "exists": "Exists"}
    meant |= dict.fromkeys(BOUNDS, "Range")
    return next((meant[name] for name in (*JOINS, *OPERATORS, *BOUNDS) if name in given), None)


Filter = Annotated[
    Annotated[And, Tag("And")]
    | Annotated[Or, Tag("Or")]
    | Annotated[Not, Tag("Not")]
    | Annotated[Equals, Tag("Equals")]
    | Annotated[OneOf, Tag("OneOf")]
    | Annotated[Exists, Tag("Exists")]
    | Annotated[Range, Tag("Range")],
    Discriminator(_kind, custom_error_type="filter", custom_error_message=MEANT),
]
Condition = Equals | OneOf | Exists | Range


def conditions(part: Filter) -> Iterator[Condition]:
    """All conditions of a filter, from left to right."""
    for inner in _inside(part):
        yield from conditions(inner)
    if isinstance(part, Equals | OneOf | Exists | Range):
        yield part


def _inside(part: Filter) -> tuple[Filter, ...]:
    match part:
        case And(and_=inner) | Or(or_=inner):
            return inner
        case Not(not_=one):
            return (one,)
    return ()


def _shallow(raw: Any) -> Any:
    """ValueError for what is nested too deeply, before anything goes down into it."""
    level: list[Any] = [raw]
    for _ in range(REQUESTS.filter_depth):
        level = [
            inner
            for one in level
            if isinstance(one, Mapping)
            for name in JOINS
            if name in one
            for inner in (one[name] if isinstance(one[name], list | tuple) else [one[name]])
        ]
        if not level:
            return raw
    raise ValueError(f"a filter may be nested {REQUESTS.filter_depth} deep")


def _few(part: Filter) -> Filter:
    count = sum(1 for _ in conditions(part))
    if count > REQUESTS.filter_conditions:
        raise ValueError(f"a filter may have {REQUESTS.filter_conditions} conditions, not {count}")
    return part


WholeFilter = Annotated[Filter, BeforeValidator(_shallow), AfterValidator(_few)]
"""A filter as a question holds it, within limits."""

for _one in (And, Or, Not):
    _one.model_rebuild()
