"""What lies near: items like an item, clusters near a user."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.arrays import Doubles, Longs
from pipeline.errors import BatchError
from pipeline.model import Model
from pipeline.postings import UNFILED
from schemas.http_near import NearCluster, NearestAnswer, NearestQuery, SimilarAnswer, SimilarItem, SimilarQuery
from serving.allowed import Allowed, allowed_items, why_fewer
from serving.items import NOTHING, Items
from serving.notices import notices_on
from serving.problems import ProblemError
from serving.ranking import best
from serving.replica import Replica
from serving.retrieve import coarse, task_weights
from serving.users import read_users


def nearest_clusters(replica: Replica, query: NearestQuery) -> NearestAnswer:
    """Clusters by what the index would give them for this user.

    Raises:
        QueryError: as `retrieve`.
    """
    [user] = read_users(replica, [query])
    weights_t = task_weights(replica, query)
    coarse_tk = coarse(replica, user)
    scores_k = weights_t @ coarse_tk if len(weights_t) == len(coarse_tk) else np.zeros(0)
    model, commit, sizes = replica.model, replica.commit, replica.items.postings.size_k
    names = [task.name for task in model.config.tasks] if model else []
    near = [
        NearCluster(
            id=k,
            score=float(scores_k[k]),
            tasks={name: float(coarse_tk[t, k]) for t, name in enumerate(names)},
            retrievable=int(sizes[k + 1]) if k + 1 < len(sizes) else 0,
        )
        for k in best(scores_k, query.limit).tolist()
    ]
    version = commit.version if commit else 0
    return NearestAnswer(near, len(scores_k), user.rests_on, version, list(notices_on(replica, query)))


def similar_items(replica: Replica, name: str, query: SimilarQuery, k: int, n: int) -> SimilarAnswer:
    """The items whose vectors have the largest cosine with that of an item, among the `n` of the nearest clusters.

    Raises:
        ProblemError: there is no such item, or no model yet.
    """
    items, model = replica.items, replica.model
    slot = items.find(name)
    if slot is None:
        raise ProblemError(
            404,
            "no_such_item",
            f"There is no item {name!r}.",
            "Publish it to the topic of candidates, or show it once.",
        )
    if model is None:
        raise ProblemError(503, "no_model", "No model has been published yet.", "Try again when the trainer has begun.")
    allowed = allowed_items(items, query, [name])
    [vector_d] = _vectors(items, model, np.array([slot]))
    rows_n = _near_rows(items, model, vector_d, allowed, max(n, k))
    similarity_n = _vectors(items, model, rows_n) @ vector_d if len(rows_n) else np.zeros(0)
    chosen = best(similarity_n, k)
    rows = rows_n[chosen]
    named = zip(items.names(rows), similarity_n[chosen].tolist(), rows.tolist(), items.attributes(rows), strict=True)
    found = [
        SimilarItem(name, likeness, int(items.index.cluster_n[row]), attributes)
        for name, likeness, row, attributes in named
    ]
    return SimilarAnswer(
        item=name,
        items=found,
        k=k,
        returned=len(found),
        why_fewer=why_fewer(k, len(found), items, allowed, quotas=False),
        version=replica.commit.version if replica.commit else 0,
        candidates=len(rows_n),
        matching=allowed.matching,
        warnings=list(allowed.notices),
    )


def _near_rows(items: Items, model: Model, vector_d: Doubles, allowed: Allowed, n: int) -> Longs:
    """At least `n` slots that may come out, or all: whole clusters, the one with the nearest code first."""
    mask_n = items.shown_n if allowed.mask_n is None else items.shown_n & allowed.mask_n
    if allowed.matching <= n:
        return np.flatnonzero(mask_n)
    codes_kd = model.codebook.codes_kd
    distance_k = np.zeros(0) if codes_kd is None else ((codes_kd - vector_d) ** 2).sum(axis=1)
    order = [*np.argsort(distance_k, kind="stable").tolist(), UNFILED]
    order += range(len(distance_k), items.postings.n_clusters)
    pieces: list[Longs] = []
    found = 0
    for cluster in order:
        if cluster < items.postings.n_clusters:
            rows = items.postings.items_of(cluster).astype(np.int64)
            pieces.append(rows[mask_n[rows]])
            found += len(pieces[-1])
        if found >= n:
            break
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)


def _vectors(items: Items, model: Model, rows_n: Longs) -> Doubles:
    """Vectors by which the index files items, (n, d), unit length."""
    names, features = items.names(rows_n), items.features(rows_n)
    try:
        found = model.items(names, features).v_nd
    except BatchError:
        found = model.items(names, [_readable(model, one) for one in features]).v_nd
    vectors: Doubles = found.astype(np.float64)
    return vectors


def _readable(model: Model, features: Mapping[str, Any]) -> Mapping[str, Any]:
    """None of the features where the configuration cannot read one of them, as the ranker takes them."""
    try:
        model.inputs.encode_items([""], [features])
    except BatchError:
        return NOTHING
    return features
