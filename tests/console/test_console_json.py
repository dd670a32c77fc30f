"""Everything that the console shows is JSON, and true: compared with what was written to Kafka."""

import dataclasses
from collections import Counter
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from pydantic import TypeAdapter

from schemas.http import Problem
from schemas.http_console import (
    ActiveUsers,
    CodebookMap,
    Foresight,
    Immediacy,
    Letters,
    Moves,
    Series,
    Surroundings,
)
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from serving.app import Server
from serving.console.timeline import COLUMNS
from tests.console.stage import HOSTILE_ITEM, HOSTILE_TITLE, HOSTILE_USER, Stage, rejected
from tests.serving.conftest import Running, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHAPES: dict[str, type] = {
    "/v1/series": Series,
    "/v1/immediacy": Immediacy,
    "/v1/foresight": Foresight,
    "/v1/codebook/map": CodebookMap,
    "/v1/clusters/3/surroundings": Surroundings,
    "/v1/moves": Moves,
    "/v1/active-users": ActiveUsers,
    "/v1/dead-letters": Letters,
}
Acted = tuple[Stage, Running]


async def get(server: Running, path: str, **query: Any) -> Any:
    response = await server.client.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def seen(server: Running, path: str, **query: Any) -> Any:
    """The answer, of the type that /docs promises."""
    response = await server.client.get(path, params=query)
    return TypeAdapter(SHAPES[path]).validate_json(response.content, strict=True)


async def test_every_answer_is_as_documented(acted: Acted) -> None:
    _, server = acted
    documented = (await get(server, "/openapi.json"))["paths"]
    for path, shape in SHAPES.items():
        found = await seen(server, path)
        named = documented[path.replace("/3/", "/{cluster_id}/")]["get"]["responses"]["200"]["content"]
        assert named["application/json"]["schema"]["$ref"].endswith(f"/{shape.__name__}")
        columns = {name: len(value) for name, value in dataclasses.asdict(found).items() if isinstance(value, list)}
        if shape is Series:
            assert len(set(columns.values())) == 1


async def test_the_map_is_the_codebook(acted: Acted) -> None:
    stage, server = acted
    shown = await seen(server, "/v1/codebook/map")
    codes_kd = stage.world.twin.codebook.codes_kd
    assert codes_kd is not None
    assert sorted(shown.id) == list(range(len(codes_kd)))
    listed = (await get(server, "/v1/clusters", limit=1000))["clusters"]
    assert dict(zip(shown.id, shown.items, strict=True)) == {
        **dict.fromkeys(range(16), 0),
        **{one["id"]: one["retrievable"] for one in listed if one["id"] >= 0},
    }
    assert shown.items == sorted(shown.items, reverse=True)
    sizes = Counter((np.array(shown.items) // max(1, shown.sizes_from[1])).tolist())
    assert [sizes[place] for place in range(len(shown.sizes))] == shown.sizes
    # What is near on the codebook is near on the map, as far as two dimensions can say it.
    places = np.array([shown.x, shown.y]).T[np.argsort(shown.id)]
    flat = np.linalg.norm(places[:, None] - places[None], axis=2).ravel()
    true = np.linalg.norm(codes_kd[:, None] - codes_kd[None], axis=2).ravel()
    assert np.corrcoef(flat, true)[0, 1] > 0.6
    assert (await seen(server, "/v1/codebook/map", limit=2)).shown == 2


async def test_surroundings_are_nearest_first(acted: Acted) -> None:
    stage, server = acted
    around = await seen(server, "/v1/clusters/3/surroundings")
    codes_kd = stage.world.twin.codebook.codes_kd
    assert codes_kd is not None
    unit_kd = codes_kd / np.linalg.norm(codes_kd, axis=1, keepdims=True)
    cosine = unit_kd @ unit_kd[3]
    assert [one.id for one in around.neighbours] == [k for k in np.argsort(-cosine).tolist() if k != 3][:12]
    assert [one.similarity for one in around.neighbours] == pytest.approx(
        [cosine[one.id] for one in around.neighbours], abs=1e-3
    )
    members = (await get(server, "/v1/clusters/3", limit=50))["items"]
    assert [one.id for one in around.best] == members


async def test_the_life_of_an_item_with_a_bad_name(acted: Acted) -> None:
    stage, server = acted
    for cluster in (3, 5):
        await stage.file_hostile_elsewhere(cluster)

        async def there(wanted: int = cluster) -> Any:
            found = await server.client.get(f"/v1/items/{quote(HOSTILE_ITEM, safe='')}")
            return found.status_code == 200 and found.json()["clusters"] == [wanted]

        await until(there, f"the item is in {cluster}")
    life = await seen(server, "/v1/moves", item_id=HOSTILE_ITEM)
    assert [(move.origin, move.to) for move in life.moves] == [(3, 5), (None, 3)]
    assert {(move.item, move.title) for move in life.moves} == {(HOSTILE_ITEM, HOSTILE_TITLE)}
    assert life.filed >= 1
    assert life.moved >= 1
    left = await seen(server, "/v1/clusters/3/surroundings")
    assert (left.moves[0].item, left.moves[0].to) == (HOSTILE_ITEM, 5)
    soon = await seen(server, "/v1/immediacy")
    assert soon.filed.total >= 2
    assert soon.published.total >= 1
    assert sum(soon.filed.counts) == soon.filed.total


async def test_numbers_follow_the_stream(acted: Acted) -> None:
    stage, server = acted
    begin = await seen(server, "/v1/series")

    async def measured() -> Any:
        await stage.tick()
        foresight, series = await seen(server, "/v1/foresight"), await seen(server, "/v1/series")
        return foresight.judged >= 5 and series.learnt[-1] > stage.world.config.batch and (foresight, series)

    foresight, series = await until(measured, "some users were asked about", 60)
    assert 0 <= foresight.hit_10 <= foresight.hit_100 <= 1
    assert foresight.samples <= foresight.judged
    assert {one.user for one in foresight.latest} <= {*stage.world.users, HOSTILE_USER}
    stats = await server.stats()
    caught = await until(lambda: _sampled(server, stats), "the sample after")
    assert caught.exposures[-1] >= stats["exposures"] - 64
    assert caught.items[-1] == stats["items"]
    assert caught.time[0] <= series.time[0] or caught.began == series.began
    thin = await seen(server, "/v1/series", points=2)
    assert len(thin.time) <= 2
    assert thin.time[-1] >= begin.time[-1]
    newer = await seen(server, "/v1/series", after=caught.time[-2])
    assert newer.time[0] == caught.time[-1]
    assert set(COLUMNS) < set(dataclasses.asdict(newer))
    users = (await seen(server, "/v1/active-users")).users
    assert users
    assert {user.id for user in users} <= {*stage.world.users, HOSTILE_USER}


async def _sampled(server: Running, stats: dict[str, Any]) -> Any:
    series = await seen(server, "/v1/series")
    return series.learnt[-1] is not None and series.learnt[-1] >= stats["clock"] and series


async def test_dead_letters_latest_first(acted: Acted) -> None:
    stage, server = acted
    assert (await seen(server, "/v1/dead-letters", limit=7)).letters == []
    letters = rejected(stage.settings)
    await stage.reject(letters)
    found = await seen(server, "/v1/dead-letters", limit=3)
    assert [one.reason for one in found.letters] == [one.reason for one in reversed(letters)]
    assert [one.place for one in found.letters] == [one.place for one in reversed(letters)]
    assert found.complete
    assert found.reasons == {"not_json": 1, "unknown_task": 1, "missing_id": 1}
    nothing, text, binary = found.letters
    assert (nothing.value, nothing.value_base64, nothing.key) == (None, None, "u3")
    assert HOSTILE_USER in text.value
    assert (binary.value, binary.value_bytes) == (None, 4000)
    assert binary.value_base64.startswith("//7//v")
    assert len((await seen(server, "/v1/dead-letters", limit=1)).letters) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/clusters/99/surroundings", 404),
        ("/v1/clusters/-1/surroundings", 404),
        ("/v1/clusters/x/surroundings", 422),
        ("/v1/series?span_s=0", 422),
        ("/v1/series?span_s=nan", 422),
        ("/v1/series?points=1", 422),
        ("/v1/series?after=-1", 422),
        ("/v1/codebook/map?limit=0", 422),
        ("/v1/moves?limit=201", 422),
        ("/v1/moves?item_id=", 422),
        ("/v1/dead-letters?limit=0", 422),
        ("/console/../pages.py", 404),
        ("/console/%2e%2e/pages.py", 404),
        ("/console/none.js", 404),
    ],
)
async def test_bad_questions(acted: Acted, path: str, status: int) -> None:
    response = await acted[1].client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert TypeAdapter(Problem).validate_json(response.content).remedy


async def test_the_files_of_the_console(acted: Acted) -> None:
    client = acted[1].client
    page = await client.get("/", follow_redirects=True)
    assert page.url.path == "/console/"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    again = await client.get("/console/", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    script = await client.get("/console/main.js")
    assert script.headers["content-type"].startswith("text/javascript")


async def test_a_server_that_is_not_ready() -> None:
    """It has not begun to read, and Kafka is away: what is known is told, the rest says what it waits for."""
    settings = Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    transport = httpx.ASGITransport(Server(settings).app)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        for path in ("/v1/series", "/v1/immediacy", "/v1/foresight", "/console/"):
            assert (await client.get(path)).status_code == 200, path
        for path in ("/v1/codebook/map", "/v1/clusters/3/surroundings", "/v1/moves", "/v1/active-users"):
            response = await client.get(path)
            assert (response.status_code, response.json()["code"]) == (503, "not_ready"), path
        response = await client.get("/v1/dead-letters")
        assert (response.status_code, response.json()["code"]) == (503, "kafka_unreachable")
