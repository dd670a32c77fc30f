"""The user's side of a question."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from pipeline.arrays import Floats
from pipeline.errors import BatchError
from pipeline.inputs import UserInputs
from pipeline.layout import ITEM_TABLE, USER_TABLE
from pipeline.model import Model
from schemas.http import Person, QueryError, RestsOn
from serving.replica import Replica

NOBODY: Final[Floats] = np.zeros((1, 0), np.float32)
"""The user before the first version: one task, no dimension."""


class User(NamedTuple):
    """One user, as retrieval needs them.

    Attributes:
        index_td: vectors for the index, (T, d).
        ranking: what the ranker keeps of them.
        rests_on: what both were made of.
        history: positives, oldest first.
    """

    index_td: Floats
    ranking: Floats
    rests_on: RestsOn
    history: Sequence[str] = ()


def read_users(replica: Replica, queries: Sequence[Person]) -> list[User]:
    """Vectors for these questions; each tower runs once for all of them.

    Raises:
        QueryError: a feature has a value of the wrong type.
    """
    model = replica.model
    histories = [_history(replica, query) for query in queries]
    if model is None:
        return [User(NOBODY, NOBODY, "popularity", history.items) for history in histories]
    inputs = UserInputs(
        [query.user_id or "" for query in queries],
        [query.features for query in queries],
        [query.context for query in queries],
        [history.items for history in histories],
        [history.ages for history in histories],
    )
    try:
        index = model.users(inputs)
        ranker = index if model.config.ranker == "index" else model.rank_users(inputs)
    except BatchError as error:
        raise QueryError(
            "feature_type", str(error), "Send the feature with the type that the trainer is configured for."
        ) from error
    rests_on = [_rests_on(model, query, history.items) for query, history in zip(queries, histories, strict=True)]
    users = zip(index, ranker, rests_on, [history.items for history in histories], strict=True)
    return [User(*user) for user in users]


class _History(NamedTuple):
    """Positives, oldest first, and seconds since each; no ages when the times are not known."""

    items: Sequence[str] = ()
    ages: Sequence[float] = ()


def _history(replica: Replica, query: Person) -> _History:
    if query.history is not None:
        return _History(query.history)
    row = replica.histories.get(query.user_id) if query.user_id else None
    return _History() if row is None else _History(row.items, replica.time.ages(row.times))


def _rests_on(model: Model, query: Person, history: Sequence[str]) -> RestsOn:
    config, tables = model.config, model.tables
    if query.user_id is not None and query.user_id in tables[USER_TABLE].ids:
        return "user"
    if any(name in tables[ITEM_TABLE].ids for name in history[-config.history :]):
        return "history"
    sides: list[tuple[Mapping[str, Any], set[str]]] = [
        (query.features, {feature.name for feature in config.side("user")}),
        (query.context, {feature.name for feature in config.side("context")}),
    ]
    told = any(value is not None and name in known for given, known in sides for name, value in given.items())
    return "features" if told else "popularity"
