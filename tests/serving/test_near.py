"""Items like an item and clusters near a user: what comparing all of them gives."""

from typing import Any

import numpy as np
import pytest
from msgspec import structs
from streamvq_client.rows import encode

from schemas.http import Query, QueryError
from schemas.http_near import NearestQuery, SimilarQuery
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from schemas.topics import Topics
from serving.about import configuration, versions
from serving.near import nearest_clusters, similar_items
from serving.problems import ProblemError
from serving.replica import Replica
from serving.rows import Rows
from tests.serving import brute_force
from tests.serving.test_retrieve import Filled
from tests.serving.world import as_records


@pytest.fixture(scope="module")
def filled() -> Filled:
    return Filled()


def likeness(filled: Filled, name: str) -> dict[str, float]:
    """Cosine of every other item with one."""
    world = filled.world
    vectors = world.twin.items(world.names, [world.rows[other].features for other in world.names]).v_nd
    mine = vectors[world.names.index(name)]
    return {other: float(v @ mine) for other, v in zip(world.names, vectors, strict=True) if other != name}


def test_all_items_compared_give_the_most_similar_ones(filled: Filled) -> None:
    answer = similar_items(filled.replica, "i5", SimilarQuery(exclude=["i7"]), k=10, n=1000)
    scores = {name: score for name, score in likeness(filled, "i5").items() if name != "i7"}
    assert [item.id for item in answer.items] == brute_force.best(scores, 10)
    assert [item.similarity for item in answer.items] == pytest.approx(
        [scores[item.id] for item in answer.items], abs=1e-5
    )
    assert (answer.matching, answer.candidates, answer.why_fewer) == (298, 298, None)
    assert answer.items[0].attributes == filled.world.rows[answer.items[0].id].attributes


def test_few_candidates_are_those_of_the_nearest_clusters(filled: Filled) -> None:
    world, codes = filled.world, filled.world.twin.codebook.codes_kd
    assert codes is not None
    [mine] = world.twin.items(["i5"], [world.rows["i5"].features]).v_nd
    answer = similar_items(filled.replica, "i5", SimilarQuery(), k=5, n=40)
    order = np.argsort(((codes - mine) ** 2).sum(axis=1)).tolist()
    members, needed = list[str](), list[int]()
    while len(members) < 40:
        needed.append(order.pop(0))
        members += [n for n, row in filled.index.items() if row.clusters == [needed[-1]] and n != "i5"]
    assert answer.candidates == len(members)
    scores = likeness(filled, "i5")
    assert [item.id for item in answer.items] == brute_force.best({name: scores[name] for name in members}, 5)
    assert {item.cluster for item in answer.items} <= set(needed)


def test_similar_items_under_a_filter_are_as_many_as_there_are(filled: Filled) -> None:
    query = SimilarQuery.model_validate({"filter": {"attribute": "genre", "eq": "g5"}})
    answer = similar_items(filled.replica, "i5", query, k=50, n=40)
    wanted = {name for name, row in filled.world.rows.items() if row.features["genre"] == "g5"} - {"i5"}
    assert {item.id for item in answer.items} == wanted
    assert answer.why_fewer == (
        f"only 300 items are retrievable, {len(wanted) + 1} of them fit the filter, and 1 of them excluded by the query"
    )
    nothing = SimilarQuery.model_validate({"filter": {"attribute": "genre", "eq": "opera"}})
    answer = similar_items(filled.replica, "i5", nothing, k=50, n=40)
    assert (answer.items, [warning.code for warning in answer.warnings]) == ([], ["no_such_value"])


def test_an_item_that_nobody_can_read_takes_nothing_with_it() -> None:
    filled = Filled(steps=6)
    topic = filled.world.topics.items_changelog
    broken = structs.replace(filled.world.rows["i9"], features={"genre": ["a", "b"]})
    filled.replica.apply(as_records([(topic, b"i9", encode(broken))]))
    answer = similar_items(filled.replica, "i5", SimilarQuery(), k=299, n=1000)
    scores = likeness(filled, "i5")
    assert answer.returned == 299
    for item in answer.items:
        if item.id != "i9":
            assert item.similarity == pytest.approx(scores[item.id], abs=1e-5)


def test_without_item_or_model_there_is_nothing_similar(filled: Filled) -> None:
    with pytest.raises(ProblemError) as caught:
        similar_items(filled.replica, "nowhere", SimilarQuery(), k=5, n=10)
    assert (caught.value.problem.status, caught.value.problem.code) == (404, "no_such_item")
    empty = Replica(Topics("t"))
    empty.apply(as_records([*filled.world.item_records(["i1"]), *filled.world.index_records(["i1"])]))
    topics = Topics("t")
    assert topics.items_changelog == filled.world.topics.items_changelog
    with pytest.raises(ProblemError) as caught:
        similar_items(empty, "i1", SimilarQuery(), k=5, n=10)
    assert (caught.value.problem.status, caught.value.problem.code) == (503, "no_model")


def test_the_nearest_clusters_are_those_with_the_best_scores(filled: Filled) -> None:
    asked = {"user_id": "u5", "tasks": {"click": 1.0, "watch": 0.5}}
    answer = nearest_clusters(filled.replica, NearestQuery(**asked, limit=4))
    query = Query(**asked)
    u, _ = brute_force.user_vector(filled.world.twin, query, filled.past(query))
    by_task = filled.world.twin.coarse(u)
    scores = by_task[0] + 0.5 * by_task[1]
    order = np.argsort(-scores)[:4].tolist()
    assert [cluster.id for cluster in answer.clusters] == order
    for cluster in answer.clusters:
        assert cluster.score == pytest.approx(float(scores[cluster.id]), abs=1e-5)
        assert list(cluster.tasks.values()) == pytest.approx(by_task[:, cluster.id].tolist(), abs=1e-5)
        assert cluster.retrievable == sum(row.clusters == [cluster.id] for row in filled.index.values())
    assert (answer.codes, answer.rests_on, answer.version) == (16, "user", filled.world.number)
    with pytest.raises(QueryError, match="no task 'buy'"):
        nearest_clusters(filled.replica, NearestQuery(tasks={"buy": 1.0}))
    empty = nearest_clusters(Replica(Topics("t")), NearestQuery(user_id="u5"))
    assert (empty.clusters, empty.codes, empty.rests_on) == ([], 0, "popularity")


def test_pages_of_a_cluster_are_its_posting_list(filled: Filled) -> None:
    rows, index = Rows(filled.replica), filled.index
    cluster = index["i5"].clusters[0]
    members = {name: row for name, row in index.items() if row.clusters == [cluster]}
    for task, number in (("click", 0), ("watch", 1)):
        names: list[str] = []
        offset: int | None = 0
        while offset is not None:
            page = rows.members(cluster, task, offset, 3)
            assert page is not None
            assert (page.total, page.task) == (len(members), task)
            names += [member.id for member in page.items]
            offset = page.next_offset
        model = filled.world.twin
        keys = {
            name: row.bias[number] + model.config.gamma * brute_force.log_count(model, row)
            for name, row in members.items()
        }
        assert sorted(names) == sorted(members)
        assert [keys[name] for name in names] == pytest.approx(sorted(keys.values(), reverse=True))
    page = rows.members(cluster, None, 0, 1000)
    assert page is not None
    for member in page.items:
        row = index[member.id]
        assert (member.exposures, member.version) == (row.exposures, row.version)
        assert list(member.bias.values()) == pytest.approx(row.bias)
    assert rows.members(16, None, 0, 10) is None
    beyond = rows.members(cluster, None, 10**6, 10)
    assert beyond is not None
    assert (beyond.items, beyond.next_offset) == ([], None)
    with pytest.raises(QueryError, match="no task 'buy'"):
        rows.members(cluster, "buy", 0, 10)


def test_rows_are_those_that_were_read(filled: Filled) -> None:
    rows, world = Rows(filled.replica), filled.world

    def row(table: Any, key: str) -> dict[str, Any]:
        found = rows.row(table, key)
        assert found is not None
        return found.row

    assert row("items", "i5") == structs.asdict(world.rows["i5"])
    assert row("histories", "u3") == {"items": world.histories["u3"], "times": world.times["u3"]}
    expected = structs.asdict(filled.index["i5"])
    for name, value in row("item_index", "i5").items():
        assert value == pytest.approx(expected[name]), name
    filled.replica.apply(as_records(world.cluster_records()))
    assert row("clusters", "-1") == {"items": 0, "exposures": 0}
    assert row("clusters", "7") == {"items": 8, "exposures": 80}
    for table in ("items", "item_index", "clusters", "histories"):
        assert rows.row(table, "nothing") is None
    assert rows.tables().tables == {"items": 300, "item_index": 300, "clusters": 17, "histories": 60}
    user = rows.user("u3")
    assert user is not None
    assert ([liked.item for liked in user.history], user.embedded) == (world.histories["u3"], True)
    assert rows.user("nobody") is None
    named = {one.name: one.items for one in rows.attributes(10).attributes}
    assert named == {"title": 300, "genre": 300, "price": 300}
    assert (len(rows.attributes(1).attributes), rows.attributes(1).total) == (1, 3)


def test_what_is_in_force_is_said_without_secrets(filled: Filled) -> None:
    kafka = KafkaSettings(
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username="reader",
        sasl_password="hunter2",  # noqa: S106 - of nobody
    )
    held = configuration(Settings(kafka=kafka), filled.replica)
    assert "hunter2" not in str(held)
    assert held.settings["kafka"]["sasl_username"] == "reader"
    assert held.model == filled.world.config.to_dict()
    assert configuration(Settings(), Replica(Topics("t"))).model is None
    said, commit = versions(filled.replica), filled.replica.commit
    assert commit is not None
    assert (said.version, said.clock, said.configuration) == (commit.version, commit.clock, commit.config_hash)
    assert (said.offsets, said.codes) == ({"0": commit.clock}, 16)
    assert said.age_s is not None
    assert (versions(Replica(Topics("t"))).version, versions(Replica(Topics("t"))).time) == (0, None)
