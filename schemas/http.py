"""Bodies of the HTTP interface: a question, its answer, and what went wrong."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

from schemas.http_filter import AttributeName, WholeFilter
from schemas.limits import LIMITS, REQUESTS

RestsOn = Literal["user", "history", "features", "popularity", "empty"]


def _text(value: object) -> object:
    return str(value) if type(value) is int else value


def _short(value: str) -> str:
    if not value or len(value.encode()) > LIMITS.id_bytes:
        raise ValueError(f"an id has 1 to {LIMITS.id_bytes} bytes of UTF-8")
    return value


Id = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | int), AfterValidator(_short)]
FeatureMap = Annotated[dict[str, Any], Field(max_length=LIMITS.features)]


class Body(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one does not go unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Quota(Body):
    """So many items of one kind at most, for variety. Best items first: an answer skips those whose kind is full."""

    most: Annotated[int, Field(ge=1, le=REQUESTS.k)]
    """Items with the same value, or of the same cluster."""
    attribute: AttributeName | None = None
    """Of which attribute; absent: of one cluster. Items without that attribute or a cluster are not limited."""


class Person(Body):
    """What is said of a user; everything is optional."""

    user_id: Id | None = None
    """Whose answer; absent for somebody not known."""
    history: Annotated[list[Id], Field(max_length=REQUESTS.history)] | None = None
    """Items the user liked, oldest first; absent: those that the index knows of the user."""
    features: FeatureMap = {}
    """Features of the user, by the names that the trainer is configured for; others are ignored, with a warning."""
    context: FeatureMap = {}
    """Features of this moment."""
    tasks: Annotated[dict[str, FiniteFloat], Field(max_length=REQUESTS.tasks)] = {}
    """Weight of each task in the order of the answer; tasks not named count nothing; absent: all count alike."""


class Choice(Body):
    """Which items may be in an answer, and how many."""

    k: Annotated[int, Field(ge=1, le=REQUESTS.k)] | None = None
    """Items wanted; absent: the server's default."""
    filter: WholeFilter | None = None
    """What items must have been published with: conditions on their attributes, or else features."""
    exclude: Annotated[list[Id], Field(max_length=REQUESTS.excluded)] = []
    """Items that must not be in the answer, for example those just seen."""


class Query(Person, Choice):
    """Which items for this user, now? Everything is optional; the less is said, the more popularity decides."""

    exclude_seen: bool = False
    """Leave out the items of the user's history, be it given or known to the index."""
    quotas: Annotated[list[Quota], Field(max_length=REQUESTS.quotas)] = []
    """Most items of one cluster, or with one value of an attribute; all of them hold."""
    candidates: Annotated[int, Field(ge=1, le=REQUESTS.candidates)] | None = None
    """Items that go from the index to the ranker; absent: as many as the server is set to."""
    exact: bool = False
    """Rank all items instead of the index's candidates: slow, and what the index is measured against."""
    explain: bool = False
    """Say of each item how it got there."""


class BatchQuery(Body):
    """Several questions at once."""

    queries: Annotated[list[Query], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class TaskScore:
    """One task's part of a score, before its weight: match + bias + popularity + repeat.

    `repeat` is what the stream has taught of items that a user liked before, 0 for all others.
    """

    weight: float
    match: float
    bias: float
    popularity: float
    repeat: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """How an item got into an answer.

    `cluster` is where it is filed (-1: nowhere yet); `coarse_score` and `coarse_position` (from 0) are what the index
    said of it, null in an exact answer and for an item that only the user's own history brought in; `tasks` is what the
    ranker said, `fine_score` what comes of it by the weights. `version` is the model version that filed the item,
    `published` when it was published (ms since 1970), `age_s` the seconds since it was published or exposed last.
    """

    cluster: int
    coarse_score: float | None
    coarse_position: int | None
    fine_score: float
    tasks: dict[str, TaskScore]
    version: int
    published: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Found:
    """One item of an answer, with the attributes it was published with."""

    id: str
    score: float
    attributes: dict[str, Any]
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something in a question that did not have the effect that it may have been meant to have."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Items, best first, and what the answer rests on.

    `rests_on` is the most particular thing that was known: the user, a history, features, or nothing but popularity; it
    is `empty` when there are no items. `version` and `clock` (exposures learnt from) are those of the model, 0 before
    there is one. `candidates` is how many items were ranked, `matching` how many retrievable ones the filter and the
    exclusions leave. `why_fewer` is set when there are fewer than k: then there are no more. `warnings` name what in
    the question had no effect, such as an attribute that no item has.
    """

    items: list[Found]
    k: int
    returned: int
    why_fewer: str | None
    rests_on: RestsOn
    version: int
    clock: int
    candidates: int
    matching: int
    warnings: list[Notice]


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """One answer a question, in their order."""

    answers: list[Answer]


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong (RFC 9457), and what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str


class QueryError(ValueError):
    """A question that cannot be answered as it is asked: `code` names the fault, `remedy` what to ask instead."""

    def __init__(self, code: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.code = code
        self.remedy = remedy
