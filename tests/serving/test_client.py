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
from streamvq_client.questions import Query
from streamvq_client.rows import ItemRow

from schemas import http, http_state
from schemas.settings import Settings
from tests.serving.conftest import publish, running
from tests.serving.world import BEGIN, World

ODD = ("a/b", "..", "ü ?#%", "i1/../i2")
SHARED = [
    (getattr(ours, name), body)
    for ours in (answers, states)
    for theirs in (http, http_state)
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
            with pytest.raises(NotFoundError, match="no_such_item"):
                await client.item("nobody")
            with pytest.raises(RequestError, match="unknown_task"):
                await client.retrieve(Query(tasks={"buy": 1}))
        again = await asyncio.to_thread(_retrieve, url, Query(user_id="u1", k=5, exclude=["i1"], tasks={"click": 1}))
        assert [item.id for item in again.items] == [item.id for item in answer.items]


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
