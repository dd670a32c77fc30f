"""Answers computed the slow and obvious way: every item, one after the other."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from streamvq_client.rows import ItemIndexRow, ItemRow

from pipeline.inputs import UserInputs
from pipeline.model import ItemVectors, Model
from pipeline.repeats import bucket_of
from schemas.http import Query


class Past(NamedTuple):
    """What the index knows of a user: items, oldest first, and seconds since each."""

    items: Sequence[str] = ()
    ages: Sequence[float] = ()

    def told(self, query: Query) -> "Past":
        """A history in the query counts instead, and has no times."""
        return self if query.history is None else Past(query.history)


def user_vector(model: Model, query: Query, past: Past) -> Any:
    items, ages = past.told(query)
    inputs = UserInputs([query.user_id or ""], [query.features], [query.context], [items], [ages])
    return model.users(inputs)[0], model.rank_users(inputs)[0]


def weights(model: Model, query: Query) -> list[float]:
    return [query.tasks.get(task.name, 0.0) if query.tasks else 1.0 for task in model.config.tasks]


def bonuses(model: Model, query: Query, past: Past, name: str) -> list[float]:
    """What each task adds to the score of an item that is in the history."""
    latest = list(past.told(query).items)[-model.config.history :][::-1]
    if name not in latest:
        return [0.0] * model.config.n_tasks
    bucket = bucket_of(latest.index(name), latest.count(name))
    return [float(bonus) for bonus in model.bonus_tb[:, bucket]]


def again(model: Model, query: Query, past: Past) -> list[str]:
    """Items of the history that are worth more than others, the latest first."""
    distinct = dict.fromkeys(reversed(list(past.told(query).items)[-model.config.history :]))
    worth = {name: np.dot(weights(model, query), bonuses(model, query, past, name)) for name in distinct}
    return [name for name in distinct if worth[name] > 0 and name not in query.exclude]


def log_count(model: Model, row: ItemIndexRow) -> float:
    """L: what the row says, or of an item never exposed what one has that is new in this version."""
    known = row.popularity if row.exposures else model.initial_popularity().tolist()
    return float(known[model.active_half_life])


def all_scores(
    model: Model,
    query: Query,
    past: Past,
    rows: Mapping[str, ItemRow],
    index: Mapping[str, ItemIndexRow],
) -> dict[str, float]:
    """Score of every item that is published, filed and not excluded: Σ weight (u·v + bias + gamma log p + repeat)."""
    weight_t = weights(model, query)
    _, u = user_vector(model, query, past)
    half_life = model.active_half_life
    eligible = [name for name in rows if name in index and name not in query.exclude and rows[name].deleted is None]
    vectors = model.rank_items(eligible, [rows[name].features for name in eligible])
    scores = {}
    for i, name in enumerate(eligible):
        popularity = log_count(model, index[name]) - model.log_mass_h[half_life]
        item = ItemVectors(vectors.v_nd[i : i + 1], vectors.bias_nt[i : i + 1])
        found = (
            _attended(model, u, item, popularity)
            if model.config.ranker == "attention"
            else [
                float(u[t] @ vectors.v_nd[i] + vectors.bias_nt[i, t] + model.config.gamma * popularity)
                for t in range(len(weight_t))
            ]
        )
        repeat = bonuses(model, query, past, name)
        scores[name] = sum(weight_t[t] * (found[t] + repeat[t]) for t in range(len(weight_t)))
    return scores


def _attended(model: Model, user: Any, item: ItemVectors, popularity: float) -> list[float]:
    """What tests/pipeline/test_rankers.py compares with a reference: here one candidate at a time."""
    return [float(score) for score in model.scores(user, item, np.array([popularity]))[:, 0]]


def coarse_scores(
    model: Model, query: Query, past: Past, task: int, index: Mapping[str, ItemIndexRow]
) -> dict[str, float]:
    """u·e + bias + gamma L of every item for one task; an item without a code counts as with the best one."""
    u, _ = user_vector(model, query, past)
    clusters = model.coarse(u)[task] if model.codebook.n_codes else np.zeros(1)
    return {
        name: float(
            (clusters[row.clusters[0]] if row.clusters[0] >= 0 else clusters.max())
            + row.bias[task]
            + model.config.gamma * log_count(model, row)
        )
        for name, row in index.items()
        if name not in query.exclude
    }


def best(scores: Mapping[str, float], k: int) -> list[str]:
    return sorted(scores, key=lambda name: -scores[name])[:k]
