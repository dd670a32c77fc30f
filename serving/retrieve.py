"""From a question to the best items: user → cluster scores → merge → ranking (Streaming VQ, section 1.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.arrays import Doubles, Floats, Longs
from pipeline.merge import chunk_for
from schemas.http import Answer, Found, Query, QueryError
from serving.candidates import all_items, best_by_index, with_own
from serving.explain import explain
from serving.ranking import best, rank
from serving.repeats import own_items
from serving.replica import Replica
from serving.users import User, read_users


@dataclass(frozen=True, slots=True)
class Breadth:
    """How many items an answer holds, how many go to the ranker for it, and how many of a list at a time."""

    k: int = 20
    floor: int = 500
    fraction: float = 0.02
    limit: int = 5000
    chunk: int = 8

    def wanted(self, query: Query) -> int:
        """k."""
        return query.k or self.k

    def candidates(self, query: Query, items: int) -> int:
        """N: what the query says, else max(floor, fraction of the items) up to the limit; never fewer than k."""
        wanted = query.candidates or min(max(self.floor, round(self.fraction * items)), self.limit)
        return max(wanted, self.wanted(query))


def retrieve(replica: Replica, queries: Sequence[Query], breadth: Breadth) -> list[Answer]:
    """Answer a few questions from one state of the replica.

    Raises:
        QueryError: a task is unknown, none counts, or a feature has the wrong type.
    """
    users = read_users(replica, queries)
    return [_answer(replica, query, user, breadth) for query, user in zip(queries, users, strict=True)]


def _answer(replica: Replica, query: Query, user: User, breadth: Breadth) -> Answer:
    items = replica.items
    weights_t = _weights(replica, query)
    excluded = _excluded(replica, query)
    own = own_items(replica, user, len(weights_t))
    if query.exact:
        candidates = all_items(items, excluded)
    else:
        n = breadth.candidates(query, len(items))
        candidates = best_by_index(items, _coarse(replica, user), weights_t, excluded, n, chunk_for(n, breadth.chunk))
        again = own.rows_r[weights_t @ own.bonus_tr > 0]
        candidates = with_own(items, candidates, again, excluded, n)
    ranked = rank(replica, user.ranking, candidates.rows_n, own)
    scores_n = weights_t @ ranked.scores_tn
    k = breadth.wanted(query)
    chosen = best(scores_n, k)
    found = _found(replica, candidates.rows_n[chosen], scores_n[chosen])
    if query.explain:
        found = explain(replica, found, candidates, chosen, ranked, weights_t)
    commit = replica.commit
    return Answer(
        items=found,
        k=k,
        returned=len(found),
        why_fewer=_why_fewer(k, len(found), len(items), len(excluded)),
        rests_on=user.rests_on if found else "empty",
        version=commit.version if commit else 0,
        clock=commit.clock if commit else 0,
        candidates=len(candidates.rows_n),
    )


def _coarse(replica: Replica, user: User) -> Floats:
    if replica.model is None:
        return np.zeros((1, 0), np.float32)
    return replica.model.coarse(user.index_td)


def _weights(replica: Replica, query: Query) -> Doubles:
    """Weight of each task, (T,)."""
    if replica.model is None:
        return np.ones(1)
    names = [task.name for task in replica.model.config.tasks]
    if not query.tasks:
        return np.ones(len(names))
    unknown = sorted(query.tasks.keys() - set(names))
    if unknown:
        raise QueryError("unknown_task", f"There is no task {unknown[0]!r}.", f"Name one of {', '.join(names)}.")
    weights = np.array([query.tasks.get(name, 0.0) for name in names])
    if not (weights > 0).any():
        raise QueryError("no_task", "No task has a weight above 0.", "Give at least one task a weight above 0.")
    return weights


def _excluded(replica: Replica, query: Query) -> Longs:
    """Slots of the excluded items that are retrievable."""
    items = replica.items
    slots = np.unique(items.slots.find(query.exclude))
    return slots[items.shown(slots)]


def _found(replica: Replica, rows_n: Longs, scores_n: Doubles) -> list[Found]:
    items = replica.items
    named = zip(items.names(rows_n), scores_n.tolist(), items.attributes(rows_n), strict=True)
    return [Found(name, score, attributes) for name, score, attributes in named]


def _why_fewer(k: int, found: int, items: int, excluded: int) -> str | None:
    if found >= k:
        return None
    without = f", and {excluded} of them excluded by the query" if excluded else ""
    return f"only {items} items are retrievable{without}"
