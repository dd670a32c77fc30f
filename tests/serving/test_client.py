"""Both HTTP clients against a real server: what it answers is what they say it is."""

import asyncio
import dataclasses
import socket
from typing import Any

import msgspec
import pytest
from streamvq_client import answers, states
from streamvq_client.async_client import AsyncClient
from streamvq_client.client import Client
from streamvq_client.errors import NotFoundError, NotNowError, RequestError
from streamvq_client.questions import NearestQuery, Query, Quota, SimilarQuery
from streamvq_client.rows import ItemRow

from schemas import http, http_near, http_publish, http_state
from schemas.settings import Settings
from tests.serving.conftest import publish, running
from tests.serving.world import BEGIN, World

ODD = ("a/b", "..", "ü ?#%", "i1/../i2")
SHARED = [
    (getattr(ours, name), body)
    for ours in (answers, states)
    for theirs in (http, http_near, http_publish, http_state)
    for name, body in vars(theirs).items()
    if dataclasses.is_dataclass(body) and hasattr(ours, name)
]


@pytest.mark.parametrize(("mine", "body"), SHARED, ids=[mine.__name__ for mine, _ in SHARED])
def test_an_answer_has_every_field_that_the_server_gives_it(mine: type[msgspec.Struct], body: Any) -> None:
    given = {field.name for field in dataclasses.fields(body)}
    assert given <= {field.name for field in msgspec.structs.fields(mine)}


async def test_both_clients_say_what_the_server_holds(world: World, server_settings: Settings) -> None:
    for name in ODD:
        world.rows[name] = ItemRow({"genre": "g1"}, {"title": name}, published=BEGIN)
    await publish(server_settings, [*world.everything(), *world.item_records(ODD), *world.index_records(ODD)])
    async with running(server_settings) as server:
        await server.ready()
        url = str(server.client.base_url)
        async with AsyncClient(url) as client:
            answer = await client.retrieve(Query(user_id="u1", k=5, exclude=["i1"], tasks={"click": 1}, explain=True))
            assert [item.id for item in answer.items] == [
                item["id"]
                for item in (await server.ask(user_id="u1", k=5, exclude=["i1"], tasks={"click": 1}))["items"]
            ]
            explanation = answer.items[0].explanation
            assert explanation is not None
            assert explanation.tasks["click"].weight == 1
            first, second = await client.retrieve_batch([Query(user_id="u1", k=3), Query(history=["i1"], k=4)])
            assert (first.returned, second.returned, first.rests_on) == (3, 4, "user")
            for name in ODD:
                assert (await client.item(name)).attributes == {"title": name}
            clusters = await client.clusters(sort="id", limit=3)
            assert [one.id for one in clusters.clusters] == [-1, 0, 1]
            assert (await client.cluster(clusters.clusters[1].id)).cluster == clusters.clusters[1]
            stats = await client.stats()
            assert (stats.items, stats.tasks) == (300 + len(ODD), ["click", "watch"])
            assert (await client.readiness()).ready
            await _look_around(client, world)
            with pytest.raises(NotFoundError, match="no_such_item"):
                await client.item("nobody")
            with pytest.raises(RequestError, match="unknown_task"):
                await client.retrieve(Query(tasks={"buy": 1}))
        again = await asyncio.to_thread(_retrieve, url, Query(user_id="u1", k=5, exclude=["i1"], tasks={"click": 1}))
        assert [item.id for item in again.items] == [item.id for item in answer.items]


async def _look_around(client: AsyncClient, world: World) -> None:
    """What else there is to ask."""
    cheap = {"attribute": "title", "in": ["Item 1", "Item 2", "Item 3"]}
    answer = await client.retrieve(Query(user_id="u1", k=5, filter=cheap, quotas=[Quota(most=9)]))
    assert ({item.id for item in answer.items}, answer.matching) == ({"i1", "i2", "i3"}, 3)
    assert answer.why_fewer
    similar = await client.similar("i1", SimilarQuery(k=4, exclude=["i2"]))
    assert (similar.item, similar.returned, similar.items[0].similarity <= 1.0001) == ("i1", 4, True)
    for name in ODD:
        assert (await client.similar(name)).item == name
    nearest = await client.nearest_clusters(NearestQuery(user_id="u1", limit=3))
    assert len(nearest.clusters) == 3
    page = await client.cluster_items(nearest.clusters[0].id, task="click", limit=1)
    assert (page.task, len(page.items)) == ("click", min(page.total, 1))
    assert [one.item for one in (await client.user("u1")).history] == world.histories["u1"]
    assert "title" in {one.name for one in (await client.attributes()).attributes}
    assert (await client.tables()).tables["items"] == 300 + len(ODD)
    assert (await client.row("items", "a/b")).row["attributes"] == {"title": "a/b"}
    assert (await client.versions()).version == world.number
    assert (await client.configuration()).settings["server"]["port"] == 0


async def test_a_server_that_is_not_ready_says_so_after_all_attempts(server_settings: Settings) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        nowhere = server_settings.kafka.model_copy(update={"bootstrap_servers": f"127.0.0.1:{silent.getsockname()[1]}"})
        async with (
            running(server_settings.model_copy(update={"kafka": nowhere})) as server,
            AsyncClient(str(server.client.base_url), attempts=2) as client,
        ):
            assert not (await client.readiness()).ready
            with pytest.raises(NotNowError, match="not_ready"):
                await client.retrieve(Query(user_id="u1"))


def _retrieve(url: str, query: Query) -> answers.Answer:
    with Client(url) as client:
        return client.retrieve(query)
