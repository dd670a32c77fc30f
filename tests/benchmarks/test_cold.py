"""Items never exposed before, ranked the slow and obvious way; and a stream whose features say what is liked."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.arms.base import Answer, Cost, K, Moment, Questions
from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from benchmarks.timeline import Timeline
from pipeline.config import Feature
from tests.benchmarks.small_set import CONFIG, small_set


class Obvious:
    """An arm that answers nothing and ranks the cold items of each batch by sorting."""

    def __init__(self, timeline: Timeline) -> None:
        self.cost = Cost()
        self.hits: list[tuple[float, float, float]] = []
        self._timeline = timeline

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        for q, (event, item) in enumerate(zip(questions.event_q.tolist(), questions.target_q.tolist(), strict=True)):
            if self._timeline.first_exposed_m[item] == event:
                self.hits.append(self._hits(moment, questions, q, item))
        nothing = np.full(len(questions), -1, np.int32)
        return {"obvious": Answer(nothing, np.full((1, K), -1, np.int32), 0.0)}

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        pass

    def _hits(self, moment: Moment, questions: Questions, q: int, item: int) -> tuple[float, float, float]:
        model, set_, u = moment.learner.model, moment.set, moment.u_qd[q]
        unseen = [
            number
            for number, first in enumerate(self._timeline.first_exposed_m.tolist())
            if first >= moment.start and number != item
        ]
        vectors = model.items([set_.items[n] for n in unseen], [set_.item_features[n] for n in unseen])
        own = model.items([set_.items[item]], [set_.item_features[item]])
        taste = float(own.v_nd[0] @ u)
        others = vectors.v_nd @ u
        above = int((others > taste + 1e-5).sum())
        tied = int((abs(others - taste) <= 1e-5).sum()) + 1
        initial = model.initial_popularity()[model.active_half_life] - model.log_mass_h[model.active_half_life]
        served = taste + float(own.bias_nt[0, 0]) + model.config.gamma * initial
        offered = sorted(set(range(moment.n_items)) - set(questions.seen[q].tolist()) - {item})
        full = moment.scorer.all(q, q + 1)[0][offered]
        found = min(1.0, max(0.0, (K - above) / tied))
        return found, min(1.0, K / (len(unseen) + 1)), float((full > served + 1e-5).sum() < K)


@pytest.mark.parametrize("repeats", [False, True])
def test_cold_items_rank_where_sorting_puts_them(repeats: bool) -> None:
    set_ = small_set(2000, items=900, repeats=repeats)
    timeline = Timeline(set_)
    obvious = Obvious(timeline)
    replay = Replay(set_, replace(CONFIG, features=set_.features), {"obvious": obvious}, timeline=timeline)
    replay.run()
    summary, expected = replay.cold.summary(), np.mean(obvious.hits, axis=0)
    assert summary["n"] == len(obvious.hits) > 100
    found = [summary[name] for name in ("hit@100", "chance", "among_all")]
    assert found == pytest.approx(expected.tolist(), abs=0.01)
    assert 0 < summary["chance"] < 1
    low, high = summary["interval"]
    assert low <= summary["hit@100"] <= high


def test_without_features_chance_is_what_is_left() -> None:
    replay = Replay(replace(small_set(1000, items=400), item_features=()), CONFIG, {})
    replay.run()
    summary = replay.cold.summary()
    assert summary["n"] > 50
    assert summary["hit@100"] == pytest.approx(summary["chance"])


def test_nothing_cold_is_counted_as_nothing() -> None:
    assert Replay(small_set(100), CONFIG, {}).cold.summary() == {
        "n": 0, "hit@100": 0.0, "id_only": 0.0, "chance": 0.0, "among_all": 0.0, "interval": [0.0, 0.0],
    }  # fmt: skip


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
