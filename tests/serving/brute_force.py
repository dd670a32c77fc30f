"""Answers computed the slow and obvious way: every item, one after the other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from streamvq_client.rows import ItemIndexRow, ItemRow

from pipeline.inputs import UserInputs
from pipeline.model import ItemVectors, Model
from schemas.http import Query


def user_vector(model: Model, query: Query, history: Sequence[str]) -> Any:
    inputs = UserInputs([query.user_id or ""], [query.features], [query.context], [list(query.history or history)])
    return model.users(inputs)[0], model.rank_users(inputs)[0]


def all_scores(
    model: Model,
    query: Query,
    history: Sequence[str],
    rows: Mapping[str, ItemRow],
    index: Mapping[str, ItemIndexRow],
) -> dict[str, float]:
    """Score of every item that is published, filed and not excluded: Σ weight (u·v + bias + gamma log p)."""
    names = [task.name for task in model.config.tasks]
    weights = [query.tasks.get(name, 0.0) if query.tasks else 1.0 for name in names]
    _, u = user_vector(model, query, history)
    half_life = model.active_half_life
    eligible = [name for name in rows if name in index and name not in query.exclude and rows[name].deleted is None]
    vectors = model.rank_items(eligible, [rows[name].features for name in eligible])
    scores = {}
    for i, name in enumerate(eligible):
        popularity = index[name].popularity[half_life] - model.log_mass_h[half_life]
        item = ItemVectors(vectors.v_nd[i : i + 1], vectors.bias_nt[i : i + 1])
        found = (
            _attended(model, u, item, popularity)
            if model.config.ranker == "attention"
            else [
                float(u[t] @ vectors.v_nd[i] + vectors.bias_nt[i, t] + model.config.gamma * popularity)
                for t in range(len(weights))
            ]
        )
        scores[name] = sum(weight * score for weight, score in zip(weights, found, strict=True))
    return scores


def _attended(model: Model, user: Any, item: ItemVectors, popularity: float) -> list[float]:
    """What tests/pipeline/test_rankers.py compares with a reference: here one candidate at a time."""
    return [float(score) for score in model.scores(user, item, np.array([popularity]))[:, 0]]


def coarse_scores(
    model: Model, query: Query, history: Sequence[str], task: int, index: Mapping[str, ItemIndexRow]
) -> dict[str, float]:
    """u·e + bias + gamma L of every item for one task; an item without a code counts as with the best one."""
    u, _ = user_vector(model, query, history)
    clusters = model.coarse(u)[task] if model.codebook.n_codes else np.zeros(1)
    half_life = model.active_half_life
    return {
        name: float(
            (clusters[row.clusters[0]] if row.clusters[0] >= 0 else clusters.max())
            + row.bias[task]
            + model.config.gamma * row.popularity[half_life]
        )
        for name, row in index.items()
        if name not in query.exclude
    }


def best(scores: Mapping[str, float], k: int) -> list[str]:
    return sorted(scores, key=lambda name: -scores[name])[:k]
