"""What programs publish over HTTP is in Kafka when the call returns, or the call says what is not."""

import asyncio

import pytest
from streamvq_client.async_client import AsyncClient
from streamvq_client.client import Client
from streamvq_client.errors import PublishError, RequestError
from streamvq_client.events import Candidate, Exposure
from streamvq_client.snapshot import read_topic

from schemas.candidates import Deletion, decode_candidate
from schemas.kafka import connection
from schemas.settings import Settings
from tests.serving.conftest import publish, running
from tests.serving.world import BEGIN, World


def shown(user: str, task: str = "click") -> Exposure:
    return Exposure(user_id=user, item_id="i1", timestamp=BEGIN, labels={task: 1})


async def test_events_are_in_kafka_when_the_client_returns(world: World, server_settings: Settings) -> None:
    await publish(server_settings, world.everything())
    topics, arguments = server_settings.topics, connection(server_settings.kafka)
    async with running(server_settings) as server:
        await server.ready()
        url = str(server.client.base_url)
        async with AsyncClient(url) as client:
            assert (await client.expose(*(shown(f"u{n}") for n in range(1200)))).acknowledged == 1200
            assert (await client.put(Candidate(item_id="ü/1", attributes={"title": "A"}))).acknowledged == 1
            assert (await client.delete("ü/1")).acknowledged == 1
            with pytest.raises(PublishError, match="1 events are in Kafka, 1 rejected, 0 open; event 1: unknown_task"):
                await client.expose(shown("v0"), shown("v1", "buy"))
            with pytest.raises(RequestError, match="event_rejected"):
                await client.expose(shown("v1", "buy"))
        await asyncio.to_thread(_expose, url, shown("w"))
    exposures = [record.key async for record in read_topic(arguments, topics.exposures)]
    assert sorted(exposures, key=str) == sorted([*(b"u%d" % n for n in range(1200)), b"v0", b"w"], key=str)
    candidates = [decode_candidate(one.key, one.value, BEGIN) async for one in read_topic(arguments, topics.candidates)]
    assert [one.item_id for one in candidates] == ["ü/1", "ü/1"]
    assert candidates[1] == Deletion("ü/1")


def _expose(url: str, event: Exposure) -> None:
    with Client(url) as client:
        client.expose(event)
