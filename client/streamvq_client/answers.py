"""What the server answers to questions; fields that a newer server adds are passed over."""

from typing import Any

import msgspec


class TaskScore(msgspec.Struct, frozen=True):
    """One task's part of a score, before its weight: match + bias + popularity + repeat."""

    weight: float
    match: float
    bias: float
    popularity: float
    repeat: float = 0.0


class Explanation(msgspec.Struct, frozen=True):
    """How an item got into an answer.

    Attributes:
        cluster: where it is filed, -1 for nowhere yet.
        coarse_score: what the index said of it; None where it was not asked.
        coarse_position: its place there, from 0.
        tasks: what the ranker said.
        fine_score: what comes of it by the weights.
        version: model version that filed the item.
        published: when it was, ms since 1970.
        age_s: seconds since it was published or exposed last.
    """

    cluster: int
    coarse_score: float | None
    coarse_position: int | None
    tasks: dict[str, TaskScore]
    fine_score: float = 0.0
    version: int = 0
    published: int = 0
    age_s: float = 0.0


class Found(msgspec.Struct, frozen=True):
    """One item of an answer, with the attributes it was published with."""

    id: str
    score: float
    attributes: dict[str, Any]
    explanation: Explanation | None = None


class Notice(msgspec.Struct, frozen=True):
    """Something in a question that did not have the effect that it may have been meant to have."""

    code: str
    detail: str


class Answer(msgspec.Struct, frozen=True):
    """Items, best first, and what the answer rests on.

    Attributes:
        items: best first.
        k: items wanted.
        returned: items found.
        why_fewer: set when these are fewer; then there are no more.
        rests_on: the most particular thing that was known: `user`, `history`, `features`, `popularity`; or `empty`.
        version: of the model, 0 before there is one.
        clock: exposures that it learnt from.
        candidates: items that were ranked.
        matching: retrievable items that the filter and the exclusions leave.
        warnings: what in the question had no effect.
    """

    items: list[Found]
    k: int
    returned: int
    why_fewer: str | None
    rests_on: str
    version: int
    clock: int
    candidates: int
    matching: int = 0
    warnings: list[Notice] = []


class BatchAnswer(msgspec.Struct, frozen=True):
    """One answer a question, in their order."""

    answers: list[Answer]


class SimilarItem(msgspec.Struct, frozen=True):
    """One item and how alike it is: 1 at most."""

    id: str
    similarity: float
    cluster: int
    attributes: dict[str, Any]


class SimilarAnswer(msgspec.Struct, frozen=True):
    """Items like `item`, the most alike first; the other fields as in `Answer`."""

    item: str
    items: list[SimilarItem]
    k: int
    returned: int
    why_fewer: str | None
    version: int
    candidates: int
    matching: int
    warnings: list[Notice]


class NearCluster(msgspec.Struct, frozen=True):
    """One cluster: `score` is the sum of what each task says, by the tasks' weights."""

    id: int
    score: float
    tasks: dict[str, float]
    retrievable: int


class NearestAnswer(msgspec.Struct, frozen=True):
    """Clusters, nearest first, of `codes` there are; the other fields as in `Answer`."""

    clusters: list[NearCluster]
    codes: int
    rests_on: str
    version: int
    warnings: list[Notice]


class EventProblem(msgspec.Struct, frozen=True):
    """One event that was not published: its place among those sent, and why.

    Code `unacknowledged` means that Kafka did not confirm it in time: publish it again. Others were refused for good.
    """

    index: int
    code: str
    detail: str


class Published(msgspec.Struct, frozen=True):
    """What became of events: `acknowledged` ones are in Kafka; `errors` names the others, up to the first 1,000."""

    acknowledged: int
    rejected: int = 0
    unacknowledged: int = 0
    errors: list[EventProblem] = []
