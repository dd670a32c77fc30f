"""Items never exposed before, ranked the slow and obvious way; and a stream whose features say what is liked."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.arms.base import Answer, Cost, K, Moment, Questions
from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from benchmarks.timeline import Timeline
from pipeline.arrays import Doubles, Floats
from pipeline.config import Feature
from tests.benchmarks.small_set import CONFIG, small_set


class Obvious:
    """An arm that answers nothing and ranks the cold items of each batch by sorting."""

    def __init__(self, timeline: Timeline) -> None:
        self.cost = Cost()
        self.hits: list[tuple[float, float, float, float]] = []
        self._timeline = timeline

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        scores_qn = moment.scorer.all(0, len(questions))
        for q, (event, item) in enumerate(zip(questions.event_q.tolist(), questions.target_q.tolist(), strict=True)):
            if self._timeline.first_exposed_m[item] == event:
                self.hits.append(self._hits(moment, questions, q, item, scores_qn[q]))
        nothing = np.full(len(questions), -1, np.int32)
        return {"obvious": Answer(nothing, np.full((1, K), -1, np.int32), 0.0)}

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        pass

    def _hits(
        self,
        moment: Moment,
        questions: Questions,
        q: int,
        item: int,
        full_n: Floats,
    ) -> tuple[float, float, float, float]:
        model, set_, u = moment.learner.model, moment.set, moment.u_qd[q]
        others = sorted(set(range(moment.n_items)) - set(questions.seen[q].tolist()) - {item})
        taste = moment.vectors.v_nd[others] @ u
        own, biases = [], []
        for features in (set_.item_features[item], {}):
            vectors = model.items([set_.items[item]], [features])
            own.append(float(vectors.v_nd[0] @ u))
            biases.append(float(vectors.bias_nt[0, 0]))
        initial = model.initial_popularity()[model.active_half_life] - model.log_mass_h[model.active_half_life]
        ranks = [rank(taste, score) for score in own]
        served = rank(full_n[others], own[0] + biases[0] + model.config.gamma * initial)
        return ranks[0] < K, ranks[1] < K, min(1.0, K / (len(others) + 1)), served < K


def rank(others: Doubles | Floats, score: float) -> float:
    return float((others > score + 1e-5).sum() + 0.5 * (abs(others - score) <= 1e-5).sum())


@pytest.mark.parametrize("repeats", [False, True])
def test_cold_items_rank_where_sorting_puts_them(repeats: bool) -> None:
    set_ = small_set(2000, items=900, repeats=repeats)
    timeline = Timeline(set_)
    obvious = Obvious(timeline)
    replay = Replay(set_, replace(CONFIG, features=set_.features), {"obvious": obvious}, timeline=timeline)
    replay.run()
    summary, expected = replay.cold.summary(), np.mean(obvious.hits, axis=0)
    assert summary["n"] == len(obvious.hits) > 100
    found = [summary[name] for name in ("hit@100", "id_only", "chance", "with_popularity")]
    assert found == pytest.approx(expected.tolist(), abs=0.01)
    assert 0 < summary["chance"] < 1
    low, high = summary["interval"]
    assert low <= summary["hit@100"] <= high


def test_features_find_new_items_of_what_is_liked() -> None:
    rng = np.random.default_rng(0)
    events, genres, a_genre = 12_000, 10, 60
    users = rng.integers(50, size=events)
    position = np.minimum(rng.integers(8, size=events) + np.arange(events) * (a_genre - 8) // events, a_genre - 1)
    names = [f"g{user % genres}-{place}" for user, place in zip(users.tolist(), position.tolist(), strict=True)]
    items = list(dict.fromkeys(names))
    number = {name: place for place, name in enumerate(items)}
    item_n = np.array([number[name] for name in names], np.int32)
    time_n = np.arange(events, dtype=np.int64) * 60_000
    first = time_n[np.unique(item_n, return_index=True)[1]]
    set_ = Interactions(
        "genres", [f"u{n}" for n in range(50)], items, users.astype(np.int32), item_n, time_n, CONFIG.tasks,
        np.ones((events, 1), np.float32), first, (Feature("genre", "item", "categorical", dim=8),), (),
        [{"genre": name.partition("-")[0]} for name in items],
    )  # fmt: skip
    replay = Replay(set_, replace(CONFIG, features=set_.features), {})
    replay.run()
    summary = replay.cold.summary()
    assert summary["interval"][0] > 1.5 * summary["chance"]
    assert summary["interval"][0] > summary["id_only"]
