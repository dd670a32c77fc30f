"""Bodies of the HTTP interface about what lies near: items like an item, clusters near a user."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from schemas.http import Choice, Notice, Person, RestsOn
from schemas.limits import REQUESTS


class SimilarQuery(Choice):
    """Which items are like this one?"""


@dataclass(frozen=True, slots=True)
class SimilarItem:
    """One item and how alike it is: the cosine of the vectors by which the index files them, 1 at most."""

    id: str
    similarity: float
    cluster: int
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SimilarAnswer:
    """Items like `item`, which is not among them, the most alike first.

    `candidates` were compared: those of the nearest clusters, or all `matching` ones where they are few. `why_fewer` is
    set when there are fewer than k: then there are no more.
    """

    item: str
    items: list[SimilarItem]
    k: int
    returned: int
    why_fewer: str | None
    version: int
    candidates: int
    matching: int
    warnings: list[Notice]


class NearestQuery(Person):
    """Which clusters lie nearest to this user?"""

    limit: Annotated[int, Field(ge=1, le=REQUESTS.listed)] = 20
    """Clusters wanted."""


@dataclass(frozen=True, slots=True)
class NearCluster:
    """One cluster: its `score` is the sum of what each task says (user · code), by the tasks' weights."""

    id: int
    score: float
    tasks: dict[str, float]
    retrievable: int


@dataclass(frozen=True, slots=True)
class NearestAnswer:
    """Clusters, nearest first, of `codes` there are; `rests_on`, `version` and `warnings` as in an answer."""

    clusters: list[NearCluster]
    codes: int
    rests_on: RestsOn
    version: int
    warnings: list[Notice]
