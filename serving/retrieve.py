"""From a question to the best items: user → cluster scores → merge → ranking (Streaming VQ, section 1.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.arrays import Doubles, Floats, Longs
from pipeline.merge import chunk_for
from schemas.http import Answer, Found, Person, Query, QueryError
from serving.allowed import allowed_items, why_fewer
from serving.candidates import all_items, best_by_index, with_own
from serving.explain import explain
from serving.notices import notices_on
from serving.pool import Pool
from serving.quotas import Quotas
from serving.ranking import best, rank
from serving.repeats import own_items
from serving.replica import Replica
from serving.users import User, read_users
from serving.variety import Further, with_variety


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
    weights_t = task_weights(replica, query)
    allowed = allowed_items(items, query, user.history if query.exclude_seen else ())
    quotas = Quotas(items, query.quotas)
    own = own_items(replica, user, len(weights_t))
    coarse_tk = coarse(replica, user)
    if query.exact:
        n = len(items)
        candidates = all_items(items, allowed)
    else:
        n = breadth.candidates(query, len(items))
        chunk = chunk_for(n, breadth.chunk)
        candidates = best_by_index(items, coarse_tk, weights_t, allowed, n, chunk)
        candidates = with_own(items, candidates, own.rows_r[weights_t @ own.bonus_tr > 0], allowed, n)
    pool = Pool(candidates, rank(replica, user.ranking, candidates.rows_n, own), weights_t)
    k = breadth.wanted(query)
    if quotas:
        further = Further(replica, user, own, coarse_tk, allowed, n)
        pool, chosen = with_variety(pool, quotas, k, further)
    else:
        chosen = best(pool.scores_n, k)
    found = _found(replica, pool.candidates.rows_n[chosen], pool.scores_n[chosen])
    if query.explain:
        found = explain(replica, found, pool, chosen)
    commit = replica.commit
    return Answer(
        items=found,
        k=k,
        returned=len(found),
        why_fewer=why_fewer(k, len(found), items, allowed, quotas=bool(quotas)),
        rests_on=user.rests_on if found else "empty",
        version=commit.version if commit else 0,
        clock=commit.clock if commit else 0,
        candidates=len(pool.candidates.rows_n),
        matching=allowed.matching,
        warnings=[*notices_on(replica, query), *allowed.notices, *quotas.notices],
    )


def coarse(replica: Replica, user: User) -> Floats:
    """u·e of every code, (T, K); no codes before there is a model."""
    if replica.model is None:
        return np.zeros((1, 0), np.float32)
    return replica.model.coarse(user.index_td)


def task_weights(replica: Replica, person: Person) -> Doubles:
    """Weight of each task, (T,); QueryError for a task that there is not, or when none counts."""
    if replica.model is None:
        return np.ones(1)
    names = [task.name for task in replica.model.config.tasks]
    if not person.tasks:
        return np.ones(len(names))
    unknown = sorted(person.tasks.keys() - set(names))
    if unknown:
        raise QueryError("unknown_task", f"There is no task {unknown[0]!r}.", f"Name one of {', '.join(names)}.")
    weights = np.array([person.tasks.get(name, 0.0) for name in names])
    if not (weights > 0).any():
        raise QueryError("no_task", "No task has a weight above 0.", "Give at least one task a weight above 0.")
    return weights


def _found(replica: Replica, rows_n: Longs, scores_n: Doubles) -> list[Found]:
    items = replica.items
    named = zip(items.names(rows_n), scores_n.tolist(), items.attributes(rows_n), strict=True)
    return [Found(name, score, attributes) for name, score, attributes in named]
