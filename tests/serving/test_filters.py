"""Filters, exclusions and quotas: the same answers as looking at every item, on random questions and a live stream."""

import random
from typing import Any

import pytest
from msgspec import structs
from streamvq_client.rows import ItemRow, encode

from schemas.http import Answer, Query
from serving import attributes
from serving.replica import Replica
from serving.retrieve import Breadth, retrieve
from tests.reference.filters import fits, varied
from tests.serving import brute_force
from tests.serving.test_retrieve import WIDE, Filled, ids
from tests.serving.world import BEGIN, as_records

QUESTIONS, AT_ONCE = 1000, 10
NARROW = Breadth(k=10, floor=20, fraction=1e-9, limit=20, chunk=4)
PEOPLE: list[dict[str, Any]] = [
    {"user_id": "u3"},
    {"user_id": "u7", "tasks": {"watch": 1.0}},
    {"history": ["i2", "i10", "i18"], "features": {"country": "c1"}},
    {},
]
LARGE = 2**53
VALUES: list[Any] = [
    *("de", "fr", "", "true", "1", True, False, 0, 1, 1.0, -1, 2.5, 1e300, -0.0),
    *(LARGE, LARGE + 1, LARGE + 2, float(LARGE), 2**63 - 1, -(2**63)),
]
ATTRIBUTES = ["lang", "price", "tags", "mixed", "genre", "nested", "no such attribute"]


class Shop:
    """A trained world whose items have attributes of every kind, and change."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a seeded world
        self.filled = Filled()
        self.rows = self.filled.world.rows
        for name in list(self.rows):
            self.put(name)
        self.people = [brute_force_scores(self.filled, Query(**person)) for person in PEOPLE]

    def put(self, name: str, *, deleted: bool = False) -> None:
        row = structs.replace(self.rows[name], attributes=self.attributes(), deleted=BEGIN if deleted else None)
        self.rows[name] = row
        topic = self.filled.world.topics.items_changelog
        self.filled.replica.apply(as_records([(topic, name.encode(), encode(row))]))

    def attributes(self) -> dict[str, Any]:
        chance = self.random
        several = [chance.choice(VALUES) for _ in range(chance.randrange(4))]
        possible = {
            "lang": chance.choice(["de", "fr", "en"]),
            "price": round(chance.uniform(0, 20), 1),
            "tags": several,
            "mixed": chance.choice([*VALUES, None, [], [None], [["de"]]]),
            "genre": chance.choice(["g1", None]),  # hides the feature of that name
            "nested": {"lang": "de", "more": [1, {"a": 2}]},
        }
        return {name: value for name, value in possible.items() if chance.random() < 0.7}

    def change(self) -> None:
        name = self.random.choice(list(self.rows))
        self.put(name, deleted=self.random.random() < 0.2)

    def filter(self, depth: int = 0) -> dict[str, Any]:
        chance = self.random
        match chance.choice(["eq", "in", "exists", "range", "and", "or", "not"] if depth < 3 else ["eq", "range"]):
            case "and" | "or" as join:
                return {join: [self.filter(depth + 1) for _ in range(chance.randint(1, 3))]}
            case "not":
                return {"not": self.filter(depth + 1)}
            case "exists":
                return {"attribute": chance.choice(ATTRIBUTES), "exists": chance.random() < 0.5}
            case "range":
                bounds = {
                    chance.choice(["gt", "gte"]): chance.choice([*range(-1, 20), LARGE, LARGE + 1, 2.5]),
                    chance.choice(["lt", "lte"]): chance.choice([*range(20), LARGE + 1, 2**63 - 1, 1e308]),
                }
                kept = chance.sample(list(bounds), chance.randint(1, 2))
                return {"attribute": chance.choice(ATTRIBUTES), **{name: bounds[name] for name in kept}}
            case "in":
                return {"attribute": chance.choice(ATTRIBUTES), "in": chance.sample(VALUES, chance.randint(1, 12))}
        return {"attribute": chance.choice(ATTRIBUTES), "eq": chance.choice([*VALUES, "g1", "g2"])}

    def question(self) -> tuple[int, Query]:
        chance = self.random
        person = chance.randrange(len(PEOPLE))
        excluded = chance.sample(list(self.rows), 5) if chance.random() < 0.3 else []
        choice = {"filter": self.filter(), "exclude": excluded, "exclude_seen": chance.random() < 0.3}
        return person, Query.model_validate({**PEOPLE[person], **choice, "k": chance.choice([1, 10, 300])})

    def expected(self, person: int, query: Query) -> dict[str, float]:
        """Scores of the items that a question leaves."""
        seen = self.filled.past(query).told(query).items if query.exclude_seen else ()
        wanted = None if query.filter is None else query.filter.model_dump(exclude_none=True)
        return {
            name: score
            for name, score in self.people[person].items()
            if self.rows[name].deleted is None
            and (wanted is None or fits(wanted, self.rows[name]))
            and name not in query.exclude
            and name not in seen
        }

    def ask(self, query: Query, breadth: Breadth = WIDE, **changes: Any) -> Answer:
        [answer] = retrieve(self.filled.replica, [query.model_copy(update=changes)], breadth)
        return answer


def brute_force_scores(filled: Filled, query: Query) -> dict[str, float]:
    return filled.all_scores(query)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(seed=6)


@pytest.fixture
def few_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns are dropped and made again all the time."""
    monkeypatch.setattr(attributes, "MOST_COLUMNS", 3)


def test_a_thousand_random_questions_are_answered_as_by_looking_at_every_item(shop: Shop, few_columns: None) -> None:
    hits, nothing = 0, 0
    for _ in range(QUESTIONS // AT_ONCE):
        shop.change()
        people, queries = zip(*[shop.question() for _ in range(AT_ONCE)], strict=True)
        exactly = [query.model_copy(update={"exact": n % 2 == 0}) for n, query in enumerate(queries)]
        answers = retrieve(shop.filled.replica, exactly, WIDE)
        few = retrieve(shop.filled.replica, queries, NARROW)
        for person, query, answer, narrow in zip(people, queries, answers, few, strict=True):
            scores = shop.expected(person, query)
            best = brute_force.best(scores, query.k or 0)
            assert answer.matching == len(scores), query
            assert ids(answer) == best, query
            assert [item.score for item in answer.items] == pytest.approx([scores[name] for name in best], abs=1e-3)
            assert (answer.why_fewer is None) == (len(best) == query.k)
            assert narrow.returned == min(query.k or 0, len(scores)), "a filter never starves an answer"
            assert set(ids(narrow)) <= set(scores)
            hits, nothing = hits + bool(scores), nothing + (not scores)
    assert min(hits, nothing) > QUESTIONS / 20, "the questions are of both kinds"


def test_every_strength_of_filter_gives_what_the_merge_gives_without_the_others(shop: Shop) -> None:
    for limit in (1, 5, 10, 15, 20):
        query = Query.model_validate(
            {"user_id": "u3", "filter": {"attribute": "price", "lt": limit}, "candidates": 15, "k": 15, "explain": True}
        )
        scores = shop.expected(0, query)
        answer = shop.ask(query, Breadth(chunk=1))
        own = set(brute_force.again(shop.filled.world.twin, query, shop.filled.past(query)))
        assert len(answer.items) == min(15, len(scores))
        coarse = [
            set(brute_force.best({name: merged[name] for name in merged if name in scores}, 15))
            for merged in (
                brute_force.coarse_scores(
                    shop.filled.world.twin, query, shop.filled.past(query), task, shop.filled.index
                )
                for task in range(2)
            )
        ]
        assert set(ids(answer)) <= coarse[0] | coarse[1] | own


@pytest.mark.parametrize("exact", [False, True])
def test_quotas_give_what_taking_the_best_that_fit_gives(shop: Shop, exact: bool) -> None:
    chance = random.Random(7)  # noqa: S311 - a seeded world
    clusters = {name: row.clusters[0] for name, row in shop.filled.index.items()}
    for _ in range(60):
        person, query = shop.question()
        quotas: list[dict[str, Any]] = chance.sample(
            [
                {"most": chance.randint(1, 4)},
                {"most": chance.randint(1, 4), "attribute": "lang"},
                {"most": 2, "attribute": "price"},
                {"most": 2, "attribute": "tags"},
                {"most": 1, "attribute": "nested"},
                {"most": 3, "attribute": "no such attribute"},
            ],
            chance.randint(1, 3),
        )
        query = Query.model_validate(query.model_dump(exclude_unset=True) | {"quotas": quotas})
        scores = shop.expected(person, query)
        wanted = varied(brute_force.best(scores, len(scores)), quotas, shop.rows, clusters, query.k or 0)
        answer = shop.ask(query, exact=exact)
        assert ids(answer) == wanted, (query, quotas)
        assert (answer.why_fewer is None) == (len(wanted) == query.k)


def test_a_quota_is_filled_from_all_over_the_index(shop: Shop) -> None:
    """The candidates of the index are of a few clusters; an answer may need more of them than that."""
    clusters = {name: row.clusters[0] for name, row in shop.filled.index.items() if shop.rows[name].deleted is None}
    used = len(set(clusters.values()))
    query = Query.model_validate({"user_id": "u3", "k": 300, "quotas": [{"most": 2}], "explain": True})
    answer = shop.ask(query, Breadth(floor=1, fraction=1e-9, limit=1, chunk=1), k=2 * used)
    of = [clusters[name] for name in ids(answer)]
    assert max(of.count(cluster) for cluster in of) <= 2
    sizes = [min(2, list(clusters.values()).count(cluster)) for cluster in set(clusters.values())]
    assert answer.returned == sum(sizes)
    assert [item.score for item in answer.items] == sorted((item.score for item in answer.items), reverse=True)
    fewer = shop.ask(query, Breadth(floor=1, fraction=1e-9, limit=300, chunk=1))
    assert fewer.why_fewer is not None
    assert f"the quotas leave no more than {sum(sizes)}" in fewer.why_fewer


def test_what_has_no_effect_is_said(shop: Shop) -> None:
    def codes(**question: Any) -> list[str]:
        return [warning.code for warning in shop.ask(Query.model_validate(question)).warnings]

    unknown = {"attribute": "colour", "eq": "red"}
    assert codes(filter=unknown) == ["unknown_attribute"]
    assert codes(filter={"not": unknown}, quotas=[{"most": 1, "attribute": "color"}]) == ["unknown_attribute"] * 2
    assert codes(filter={"attribute": "lang", "eq": "tlh"}) == ["no_such_value"]
    assert codes(filter={"attribute": "lang", "gte": 3}) == ["no_such_value"]
    assert codes(filter={"attribute": "lang", "in": ["de", "tlh"]}) == []
    assert codes(features={"country": "c1", "county": "x"}, context={"country": "c1"}) == ["unknown_feature"] * 2
    assert codes(history=["i1", "i2"]) == []
    assert codes(history=["i1", "elsewhere"]) == ["unknown_history"]
    answer = shop.ask(Query.model_validate({"filter": unknown}))
    assert (answer.returned, answer.matching) == (0, 0)
    assert answer.why_fewer is not None
    assert ", 0 of them fit the filter" in answer.why_fewer


def test_what_was_seen_is_left_out_before_there_is_a_model_too(shop: Shop) -> None:
    world, replica = shop.filled.world, Replica(shop.filled.world.topics)
    records = [*world.item_records(world.names[:20]), *world.index_records(world.names[:20]), *world.history_records()]
    replica.apply(as_records(records))
    everything = {name for name in world.names[:20] if shop.rows[name].deleted is None}
    for query, seen in [
        (Query(user_id="u3", exclude_seen=True), set(world.histories["u3"])),
        (Query(history=["i1", "i2"], exclude_seen=True), {"i1", "i2"}),
        (Query(user_id="nobody", exclude_seen=True), set()),
    ]:
        [answer] = retrieve(replica, [query], Breadth(k=20))
        assert set(ids(answer)) == everything - seen
        assert answer.matching == len(everything - seen)


def test_an_explanation_is_complete(shop: Shop) -> None:
    answer = shop.ask(Query(user_id="u3", explain=True, k=300))
    for item in answer.items:
        why, row = item.explanation, shop.filled.index[item.id]
        assert why is not None
        assert (why.cluster, why.version, why.published) == (row.clusters[0], row.version, row.published)
        assert why.fine_score == item.score
        assert 0 <= why.age_s < 3600
        assert why.fine_score == pytest.approx(
            sum(part.weight * (part.match + part.bias + part.popularity + part.repeat) for part in why.tasks.values()),
            abs=1e-4,
        )
        assert (why.coarse_score is None) == (why.coarse_position is None)


def test_a_slot_that_is_used_again_has_nothing_of_the_item_before(shop: Shop) -> None:
    replica, topics = shop.filled.replica, shop.filled.world.topics
    query = Query.model_validate({"filter": {"attribute": "only", "exists": True}, "k": 10})

    def put(name: str, **held: Any) -> None:
        shop.filled.index[name] = shop.filled.index["i1"]
        row = encode(ItemRow({}, held, BEGIN))
        filed = encode(shop.filled.index["i1"])
        replica.apply(
            as_records(
                [(topics.items_changelog, name.encode(), row), (topics.item_index_changelog, name.encode(), filed)]
            )
        )

    put("first", only=[1, 2])
    assert ids(shop.ask(query)) == ["first"]
    slot = replica.items.find("first")
    replica.apply(
        as_records([(topic, b"first", None) for topic in (topics.items_changelog, topics.item_index_changelog)])
    )
    assert replica.items.find("first") is None
    assert [warning.code for warning in shop.ask(query).warnings] == ["unknown_attribute"]
    put("second")
    assert replica.items.find("second") == slot
    assert ids(shop.ask(query)) == []
    put("third", only=1)
    assert ids(shop.ask(query)) == ["third"]
