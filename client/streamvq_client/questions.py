"""What the server is asked, as types; the less is said, the more popularity decides."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

Filter = Mapping[str, Any]
"""A condition on an item's attributes, as JSON: {"attribute": "price", "lte": 20}, or {"and": [...]}."""


class Quota(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """So many items at most with one value of an attribute; without an attribute, of one cluster."""

    most: int
    attribute: str | None = None


class Person(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is said of a user.

    Attributes:
        user_id: whose answer; without it, that of somebody not known.
        history: items the user liked, oldest first; without it, those that the index knows.
        features: of the user, by the names that the trainer is configured for.
        context: features of this moment.
        tasks: weight of each task; without any, all count alike.
    """

    user_id: str | int | None = None
    history: Sequence[str | int] | None = None
    features: Mapping[str, Any] = {}
    context: Mapping[str, Any] = {}
    tasks: Mapping[str, float] = {}


class Query(Person, frozen=True, omit_defaults=True, kw_only=True):
    """Which items for this user, now?

    Attributes:
        k: items wanted; without it, the server's default.
        filter: what the items' attributes must be.
        exclude: items that must not be in the answer.
        exclude_seen: leave out the items of the user's history.
        quotas: most items of one cluster, or with one value of an attribute.
        candidates: items that go from the index to the ranker.
        exact: rank all items: slow, and what the index is measured against.
        explain: say of each item how it got there.
    """

    k: int | None = None
    filter: Filter | None = None
    exclude: Sequence[str | int] = ()
    exclude_seen: bool = False
    quotas: Sequence[Quota] = ()
    candidates: int | None = None
    exact: bool = False
    explain: bool = False


class SimilarQuery(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which items are like a given one? As in `Query`."""

    k: int | None = None
    filter: Filter | None = None
    exclude: Sequence[str | int] = ()


class NearestQuery(Person, frozen=True, omit_defaults=True, kw_only=True):
    """Which clusters lie nearest to this user? `limit` of them."""

    limit: int = 20
