"""Retrieval from a replica: the same answers as scoring every item one by one."""

from typing import Any

import numpy as np
import pytest
from streamvq_client.rows import ItemIndexRow

from pipeline.config import Task
from pipeline.inputs import UserInputs
from pipeline.rankers.attentive import AttentiveRanker, FiledByName
from schemas.http import Answer, Query, QueryError
from schemas.topics import Topics
from serving.replica import Replica
from serving.retrieve import Breadth, retrieve
from tests.serving import brute_force
from tests.serving.world import World, as_records

WIDE = Breadth(k=10, floor=10_000, limit=10_000, chunk=1)
QUERIES = [
    Query(user_id="u3"),
    Query(user_id="u3", history=["i1", "i9"], context={"hour": 4}),
    Query(history=["i2", "nothing-known"], features={"country": "c1"}),
    Query(features={"country": "c2", "unknown": 3}),
    Query(),
    Query(user_id="u5", exclude=["i0", "i1", "i2", "no-such-item"]),
    Query(user_id="u5", tasks={"watch": 1.0}),
    Query(user_id="u5", tasks={"click": 0.25, "watch": -0.5}, k=30),
]


class Filled:
    """A replica of a trained world."""

    def __init__(self, *, steps: int = 30, **config: Any) -> None:
        self.world = World(Topics("t"), **config)
        self.world.train(steps)
        self.replica = Replica(self.world.topics)
        self.index: dict[str, ItemIndexRow] = {}
        self.replica.activate(*self.world.version())
        self.index = self.world.index_rows()
        self.replica.apply(as_records([*self.world.item_records(), *self.world.index_records()]))
        self.replica.apply(as_records(self.world.history_records()))

    def past(self, query: Query) -> brute_force.Past:
        return self.world.past(query)

    def all_scores(self, query: Query) -> dict[str, float]:
        return brute_force.all_scores(self.world.twin, query, self.past(query), self.world.rows, self.index)


@pytest.fixture(scope="module")
def filled() -> Filled:
    return Filled()


def ids(answer: Answer) -> list[str]:
    return [item.id for item in answer.items]


def check(answer: Answer, scores: dict[str, float]) -> None:
    assert ids(answer) == brute_force.best(scores, answer.k)
    assert [item.score for item in answer.items] == pytest.approx([scores[name] for name in ids(answer)], abs=1e-3)


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_exact_equals_scoring_every_item(filled: Filled, number: int) -> None:
    query = QUERIES[number].model_copy(update={"exact": True})
    [answer] = retrieve(filled.replica, [query], WIDE)
    check(answer, filled.all_scores(query))
    assert answer.version == filled.world.number
    assert answer.clock == filled.world.learner.clock


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_with_enough_candidates_the_index_gives_the_exact_answer(filled: Filled, number: int) -> None:
    [answer] = retrieve(filled.replica, [QUERIES[number]], WIDE)
    check(answer, filled.all_scores(QUERIES[number]))


@pytest.mark.parametrize("ranker", ["index", "two_tower", "attention"])
def test_few_candidates_are_those_of_the_coarse_scores_ranked_by_the_fine_ones(ranker: str) -> None:
    filled = Filled(ranker=ranker, tasks=(Task("click"),))
    query = Query(user_id="u7", candidates=25, k=5, explain=True)
    [answer] = retrieve(filled.replica, [query], WIDE)
    coarse = brute_force.coarse_scores(filled.world.twin, query, filled.past(query), 0, filled.index)
    merged = brute_force.best(coarse, 25)
    own = brute_force.again(filled.world.twin, query, filled.past(query))
    assert set(own) - set(merged)
    candidates = list(dict.fromkeys([*own, *merged]))[:25]
    scores = {name: score for name, score in filled.all_scores(query).items() if name in candidates}
    assert answer.candidates == 25
    check(answer, scores)
    for item in answer.items:
        assert item.explanation is not None
        known = item.id in merged
        assert item.explanation.coarse_position == (merged.index(item.id) if known else None)
        assert (item.explanation.coarse_score is not None) == known


@pytest.mark.parametrize("settings", [{}, {"history_debias": True, "rank_history": 3}])
def test_attention_scores_as_the_trainer_s_own_model_does(settings: dict[str, Any]) -> None:
    filled = Filled(ranker="attention", rank_rate=0.02, **settings)
    world, names = filled.world, filled.world.names
    model = world.learner.model
    assert isinstance(model.ranker, AttentiveRanker)
    model.ranker.clusters_of = FiledByName(  # as the index has them: the trainer's own are a step older
        model.tables["item"].ids.names, lambda known: np.array([filled.index[name].clusters[0] for name in known])
    )
    [answer] = retrieve(filled.replica, [Query(user_id="u7", exact=True, k=len(names))], WIDE)
    items, ages = world.past(Query(user_id="u7"))
    inputs = UserInputs(["u7"], (), (), [items], [ages])
    share = model.log_share(world.learner.popularity(names))
    scores = model.rank(inputs, names, [world.rows[name].features for name in names], share).sum(axis=0)
    own, bonus_tn = model.repeats(items)
    scores[[names.index(name) for name in own]] += bonus_tn.sum(axis=0)
    plain = model.fine(model.users(inputs)[0], model.items(names, [world.rows[n].features for n in names]), share)
    assert np.abs(scores - plain.sum(axis=0)).max() > 0.05
    found = {item.id: item.score for item in answer.items}
    assert [found[name] for name in names] == pytest.approx(scores.tolist(), abs=1e-3)


def test_each_task_gives_its_share_of_the_candidates(filled: Filled) -> None:
    query = Query(user_id="u7", candidates=20, k=20, explain=True)
    [answer] = retrieve(filled.replica, [query], WIDE)
    past = filled.past(query)
    best = [
        brute_force.best(brute_force.coarse_scores(filled.world.twin, query, past, task, filled.index), 20)
        for task in range(2)
    ]
    in_turn = [name for pair in zip(*best, strict=True) for name in pair]
    first = brute_force.again(filled.world.twin, query, past)
    assert set(ids(answer)) == set(list(dict.fromkeys([*first, *in_turn]))[:20])
    assert answer.candidates == 20


def test_answers_to_several_questions_are_those_to_each_alone(filled: Filled) -> None:
    together = retrieve(filled.replica, QUERIES, WIDE)
    alone = [retrieve(filled.replica, [query], WIDE)[0] for query in QUERIES]
    assert [ids(answer) for answer in together] == [ids(answer) for answer in alone]


def test_an_explanation_adds_up_to_the_score(filled: Filled) -> None:
    query = Query(user_id="u5", tasks={"click": 0.5, "watch": 2.0}, explain=True)
    [answer] = retrieve(filled.replica, [query], WIDE)
    for item in answer.items:
        assert item.explanation is not None
        parts = item.explanation.tasks
        assert {name: part.weight for name, part in parts.items()} == query.tasks
        total = sum(part.weight * (part.match + part.bias + part.popularity + part.repeat) for part in parts.values())
        assert item.score == pytest.approx(total, abs=1e-3)
        repeat = brute_force.bonuses(filled.world.twin, query, filled.past(query), item.id)
        assert [part.repeat for part in parts.values()] == pytest.approx(repeat)
        assert item.explanation.cluster == filled.index[item.id].clusters[0]
        assert item.attributes == filled.world.rows[item.id].attributes


@pytest.mark.parametrize(
    ("query", "rests_on"),
    [
        (Query(user_id="u3"), "user"),
        (Query(user_id="stranger", history=["i1"]), "history"),
        (Query(user_id="stranger", history=["never-heard-of"]), "popularity"),
        (Query(features={"country": "c1"}), "features"),
        (Query(context={"hour": 3}), "features"),
        (Query(context={"minute": 3}), "popularity"),
        (Query(features={"country": None}), "popularity"),
        (Query(), "popularity"),
    ],
)
def test_an_answer_says_what_it_rests_on(filled: Filled, query: Query, rests_on: str) -> None:
    assert retrieve(filled.replica, [query], WIDE)[0].rests_on == rests_on


def test_fewer_items_than_wanted_come_with_a_reason(filled: Filled) -> None:
    [answer] = retrieve(filled.replica, [Query(k=1000)], WIDE)
    assert (answer.returned, answer.why_fewer) == (300, "only 300 items are retrievable")
    [answer] = retrieve(filled.replica, [Query(k=300, exclude=["i0", "i0", "gone"])], WIDE)
    assert (answer.returned, answer.why_fewer) == (
        299,
        "only 300 items are retrievable, and 1 of them excluded by the query",
    )
    [answer] = retrieve(filled.replica, [Query(k=20, candidates=5)], WIDE)
    assert (answer.returned, answer.why_fewer) == (20, None)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (Query(tasks={"buy": 1.0}), "unknown_task"),
        (Query(tasks={"click": 0.0}), "no_task"),
        (Query(tasks={"click": -1.0}), "no_task"),
        (Query(features={"country": ["DE", "FR"]}), "feature_type"),
        (Query(context={"hour": "late"}), "feature_type"),
    ],
)
def test_questions_that_make_no_sense_are_refused_with_a_remedy(filled: Filled, query: Query, code: str) -> None:
    with pytest.raises(QueryError) as caught:
        retrieve(filled.replica, [query], WIDE)
    assert caught.value.code == code
    assert caught.value.remedy


def test_before_the_codebook_starts_all_items_are_ranked_by_the_towers() -> None:
    filled = Filled(steps=2, start_steps=1000, start_latest=1000)
    assert {row.clusters[0] for row in filled.index.values()} == {-1}
    query = Query(user_id="u1")
    [answer] = retrieve(filled.replica, [query], WIDE)
    check(answer, filled.all_scores(query))


def test_before_any_version_popularity_answers() -> None:
    world = World(Topics("t"))
    world.train(30)
    index = world.index_rows()
    replica = Replica(world.topics)
    assert retrieve(replica, [Query(user_id="u1")], WIDE)[0].rests_on == "empty"
    replica.apply(as_records([*world.item_records(), *world.index_records()]))
    [answer] = retrieve(replica, [Query(user_id="u1", explain=True)], WIDE)
    assert (answer.rests_on, answer.version) == ("popularity", 0)
    popular = {name: row.bias[0] + (row.popularity[2] if row.exposures else 0.0) for name, row in index.items()}
    assert ids(answer) == brute_force.best(popular, 10)
    replica.activate(*world.version())
    [answer] = retrieve(replica, [Query(user_id="u1")], WIDE)
    assert answer.rests_on == "user"


def test_recall_of_the_index_grows_with_the_candidates(filled: Filled) -> None:
    def recall(candidates: int) -> float:
        hits = 0
        for user in filled.world.users:
            query = Query(user_id=user, candidates=candidates, k=10)
            exact = query.model_copy(update={"exact": True})
            found, wanted = retrieve(filled.replica, [query, exact], Breadth(chunk=8))
            hits += len(set(ids(found)) & set(ids(wanted)))
        return hits / (10 * len(filled.world.users))

    recalls = [recall(candidates) for candidates in (10, 30, 100, 300)]
    assert recalls == sorted(recalls)
    assert recalls[-1] == 1.0
    assert recalls[1] > 0.6


def test_the_number_of_candidates_follows_the_settings() -> None:
    breadth = Breadth(floor=50, fraction=0.02, limit=400)
    assert breadth.candidates(Query(k=10), 1000) == 50
    assert breadth.candidates(Query(k=10), 10_000) == 200
    assert breadth.candidates(Query(k=10), 1_000_000) == 400
    assert breadth.candidates(Query(k=500), 1000) == 500
    assert breadth.candidates(Query(k=10, candidates=70), 1_000_000) == 70
