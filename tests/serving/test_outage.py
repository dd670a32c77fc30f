"""Kafka goes away for a while: answers go on, say so, and catch up when it is back."""

import asyncio
from pathlib import Path

import pytest
from streamvq_client.rows import ItemRow

from infra.broker import EmbeddedBroker
from infra.topics import create_topics
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from schemas.workers import ServerSettings
from tests.serving.conftest import publish, running, until
from tests.serving.world import World


@pytest.mark.timeout(240)
async def test_answers_go_on_without_kafka_and_catch_up_when_it_is_back(tmp_path: Path, trained_once: World) -> None:
    with EmbeddedBroker(tmp_path / "broker") as broker:
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap, prefix="outage", partitions=2)
        settings = Settings(data=tmp_path, kafka=kafka, server=ServerSettings(port=0))
        await create_topics(settings)
        world = trained_once.copied(settings.topics)
        await publish(settings, world.everything())
        async with running(settings) as server:
            await server.ready()
            before = await server.ask(user_id="u1")
            await asyncio.to_thread(broker.stop)

            async def noticed() -> bool:
                return (await server.ready())["silent_s"] > 2

            await until(noticed, "the server says that Kafka is silent")
            assert (await server.ask(user_id="u1"))["items"] == before["items"]

            await asyncio.to_thread(broker.start)
            world.rows["new"] = ItemRow({"genre": "g1"}, {}, published=9)
            await publish(settings, [*world.item_records(["new"]), *world.index_records(["new"])])

            async def caught_up() -> bool:
                return (await server.stats())["items"] == 301

            await until(caught_up, "the new item is retrievable", deadline_s=60)
            assert (await server.ready())["silent_s"] < 2
