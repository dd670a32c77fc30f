"""Bodies of the HTTP interface: a question, its answer, and what went wrong."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

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


class Query(Body):
    """Which items for this user, now? Everything is optional; the less is said, the more popularity decides."""

    user_id: Id | None = None
    """Whose answer; absent for somebody not known."""
    history: Annotated[list[Id], Field(max_length=REQUESTS.history)] | None = None
    """Items the user liked, oldest first; absent: those that the index knows of the user."""
    features: FeatureMap = {}
    """Features of the user, by the names that the trainer is configured for; others are ignored."""
    context: FeatureMap = {}
    """Features of this moment."""
    k: Annotated[int, Field(ge=1, le=REQUESTS.k)] | None = None
    """Items wanted; absent: the server's default."""
    exclude: Annotated[list[Id], Field(max_length=REQUESTS.excluded)] = []
    """Items that must not be in the answer, for example those just seen."""
    tasks: Annotated[dict[str, FiniteFloat], Field(max_length=REQUESTS.tasks)] = {}
    """Weight of each task in the order of the answer; tasks not named count nothing; absent: all count alike."""
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
    ranker said.
    """

    cluster: int
    coarse_score: float | None
    coarse_position: int | None
    tasks: dict[str, TaskScore]


@dataclass(frozen=True, slots=True)
class Found:
    """One item of an answer, with the attributes it was published with."""

    id: str
    score: float
    attributes: dict[str, Any]
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Items, best first, and what the answer rests on.

    `rests_on` is the most particular thing that was known: the user, a history, features, or nothing but popularity; it
    is `empty` when there are no items. `version` and `clock` (exposures learnt from) are those of the model, 0 before
    there is one. `candidates` is how many items were ranked. `why_fewer` is set when there are fewer than k.
    """

    items: list[Found]
    k: int
    returned: int
    why_fewer: str | None
    rests_on: RestsOn
    version: int
    clock: int
    candidates: int


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
