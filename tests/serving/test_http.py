"""Over HTTP from a real Kafka: the same answers as scoring every item, through changes and deletions."""

import asyncio
import dataclasses
from typing import Any

import pytest
from msgspec import structs
from pydantic import TypeAdapter
from streamvq_client.rows import ItemIndexRow, ItemRow, encode

from pipeline.model import Model
from schemas.http import BatchAnswer, Query
from schemas.http_state import ClusterItems, ClusterList, ItemState, Readiness, Stats
from schemas.settings import Settings
from tests.serving import brute_force
from tests.serving.conftest import Running, publish, running, until
from tests.serving.world import World, Written

ANSWERS = TypeAdapter(BatchAnswer)


def expected(
    world: World, query: Query, index: dict[str, ItemIndexRow], model: Model | None = None
) -> dict[str, float]:
    return brute_force.all_scores(model or world.twin, query, world.past(query), world.rows, index)


def check(answer: dict[str, Any], scores: dict[str, float], k: int) -> None:
    ids = [item["id"] for item in answer["items"]]
    assert ids == brute_force.best(scores, k)
    assert [item["score"] for item in answer["items"]] == pytest.approx([scores[name] for name in ids], abs=1e-3)


async def test_answers_equal_scoring_every_item(world: World, server_settings: Settings) -> None:
    written = world.everything()
    index = world.index_rows()
    await publish(server_settings, written)
    queries = [
        Query(user_id="u3", k=10, candidates=300),
        Query(user_id="u4", k=10, exact=True, exclude=["i1", "i2"]),
        Query(history=["i7", "i15"], features={"country": "c1"}, context={"hour": 3}, k=5, exact=True),
        Query(user_id="u9", tasks={"watch": 1.0}, k=3, candidates=300, explain=True),
    ]
    async with running(server_settings) as server:
        await server.ready()
        scores = [expected(world, query, index) for query in queries]
        for query, right in zip(queries, scores, strict=True):
            check(await server.ask(**query.model_dump()), right, query.k or 0)
        batch = {"queries": [query.model_dump() for query in queries] * 10}
        response = await server.client.post("/v1/retrieve/batch", json=batch)
        answers = ANSWERS.validate_json(response.content, strict=True).answers
        for query, right, answer in zip(queries * 10, scores * 10, answers, strict=True):
            check(dataclasses.asdict(answer), right, query.k or 0)
            assert (answer.version, answer.clock) == (world.number, world.learner.clock)


async def test_items_come_and_go(world: World, server_settings: Settings) -> None:
    topics = server_settings.topics
    await publish(server_settings, world.everything())
    async with running(server_settings) as server:
        await server.ready()
        world.rows["new"] = ItemRow({"genre": "g1", "price": 2.0}, {"title": "New"}, published=9)
        await publish(server_settings, [*world.item_records(["new"]), *world.index_records(["new"])])

        async def count(number: int) -> bool:
            return (await server.stats())["items"] == number

        await until(lambda: count(301), "the new item is retrievable")
        answer = await server.ask(k=301)
        assert {"new", "i0"} <= {item["id"] for item in answer["items"]}
        state = (await server.client.get("/v1/items/new")).json()
        assert (state["retrievable"], state["attributes"]) == (True, {"title": "New"})

        mark = encode(ItemRow({}, {}, published=9, deleted=10))
        await publish(server_settings, [(topics.items_changelog, b"new", mark)])
        await until(lambda: count(300), "the deleted item is gone")
        assert (await server.client.get("/v1/items/new")).json()["retrievable"] is False
        await publish(server_settings, [(topics.item_index_changelog, b"new", None)])

        async def forgotten() -> bool:
            return (await server.client.get("/v1/items/new")).status_code == 404

        await until(forgotten, "nothing is left of the deleted item")
        answer = await server.ask(k=1000)
        assert answer["returned"] == 300
        assert answer["why_fewer"] == "only 300 items are retrievable"
        assert "new" not in {item["id"] for item in answer["items"]}


async def test_every_answer_is_of_one_whole_version_while_everything_changes(
    world: World, server_settings: Settings
) -> None:
    index = world.index_rows()
    await publish(server_settings, world.everything())
    versions: dict[int, Model] = {world.number: world.twin_of_now()}
    query = Query(user_id="u3", k=20, exact=True)
    past = world.past(query)
    moving: list[list[Written]] = []
    for number in range(8):
        world.train(1)
        moving.append(world.version_records())
        versions[world.number] = world.twin_of_now()
        moving.append(moves(world, index, number))
    seen: dict[int, list[dict[str, Any]]] = {}

    async with running(server_settings) as server:
        await server.ready()
        writing = asyncio.create_task(publish_slowly(server_settings, moving))
        while not writing.done() or world.number not in seen:
            answer, same = await server.ask(**query.model_dump()), await server.ask(user_id="u5", k=300, candidates=300)
            assert len({item["id"] for item in same["items"]}) == 300, "an item is missing or comes twice"
            seen.setdefault(answer["version"], []).append(answer)
        await writing
    assert len(seen) > 1
    for version, answers in seen.items():
        scores = brute_force.all_scores(versions[version], query, past, world.rows, index)
        for answer in answers:
            check(answer, scores, 20)


def moves(world: World, index: dict[str, ItemIndexRow], number: int) -> list[Written]:
    """Every item to another cluster; bias and popularity stay, so that the exact scores do."""
    topic = world.topics.item_index_changelog
    moved = {
        name: structs.replace(row, clusters=[(row.clusters[0] + number + 1) % 16], version=number)
        for name, row in index.items()
    }
    return [(topic, name.encode(), encode(row)) for name, row in moved.items()]


async def publish_slowly(settings: Settings, pieces: list[list[Written]]) -> None:
    for piece in pieces:
        await publish(settings, piece)


async def test_before_anything_was_published_answers_are_empty_and_grow_from_there(
    world: World, server_settings: Settings
) -> None:
    async with running(server_settings) as server:
        await server.ready()
        answer = await server.ask(user_id="u1")
        assert (answer["rests_on"], answer["items"], answer["version"]) == ("empty", [], 0)
        assert answer["why_fewer"] == "only 0 items are retrievable"
        version, index = world.version_records(), world.index_records()
        await publish(server_settings, [*world.item_records(), *index])

        async def rests_on(what: str) -> bool:
            return bool((await server.ask(user_id="u1"))["rests_on"] == what)

        await until(lambda: rests_on("popularity"), "items without a model")
        await publish(server_settings, version)
        await until(lambda: rests_on("user"), "a model")
        assert (await server.ask(user_id="u1"))["version"] == world.number


async def test_state_is_what_was_published(world: World, server_settings: Settings) -> None:
    index = world.index_rows()
    await publish(server_settings, world.everything())
    async with running(server_settings) as server:
        await server.ready()
        stats = TypeAdapter(Stats).validate_json((await server.client.get("/v1/stats")).content, strict=True)
        assert (stats.items, stats.filed, stats.users, stats.codes) == (300, 300, 60, 16)
        assert stats.exposures == sum(10 * (k + 1) for k in range(-1, 16))
        assert stats.codes_used == len({row.clusters[0] for row in index.values()})
        assert (stats.version, stats.clock, stats.tasks) == (world.number, world.learner.clock, ["click", "watch"])
        assert 1 < stats.perplexity <= stats.codes_used
        await check_items(server, world, index)
        await check_clusters(server, index)
        exposition = (await server.client.get("/metrics")).text
        for line in ("svq_items 300.0", "svq_ready 1.0", f"svq_model_clock {float(world.learner.clock)}"):
            assert line in exposition
        assert 'svq_requests_total{route="/v1/items/{item_id:path}",status="200"} 1.0' in exposition
        readiness = TypeAdapter(Readiness).validate_json((await server.client.get("/readyz")).content, strict=True)
        assert readiness.waiting_for == []
        assert [topic.lag for topic in readiness.topics] == [0] * 5


async def check_items(server: Running, world: World, index: dict[str, ItemIndexRow]) -> None:
    response = await server.client.get("/v1/items/i5")
    item = TypeAdapter(ItemState).validate_json(response.content, strict=True)
    assert item.clusters == index["i5"].clusters
    assert list((item.bias or {}).values()) == pytest.approx(index["i5"].bias)
    assert item.popularity == pytest.approx(index["i5"].popularity)
    assert (item.features, item.exposures) == (world.rows["i5"].features, index["i5"].exposures)


async def check_clusters(server: Running, index: dict[str, ItemIndexRow]) -> None:
    response = await server.client.get("/v1/clusters", params={"sort": "id", "limit": 1000})
    listed = TypeAdapter(ClusterList).validate_json(response.content, strict=True)
    assert [cluster.id for cluster in listed.clusters] == list(range(-1, 16))
    for cluster in listed.clusters:
        members = {name for name, row in index.items() if row.clusters[0] == cluster.id}
        assert (cluster.items, cluster.exposures) == (cluster.id + 1, 10 * (cluster.id + 1))
        assert cluster.retrievable == len(members)
        one = await server.client.get(f"/v1/clusters/{cluster.id}", params={"limit": 1000})
        assert set(TypeAdapter(ClusterItems).validate_json(one.content, strict=True).items) == members
