"""The reader while its broker is away, on a broker of its own."""

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from streamvq_client.changelog import ChangelogReader

from infra.broker import EmbeddedBroker

TOPIC = "table"
DEADLINE_S = 60.0


async def publish(bootstrap: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    await producer.send_and_wait(TOPIC, value, key=b"k")
    await producer.stop()


async def create(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()


@pytest.mark.timeout(300)
async def test_a_reader_says_that_the_broker_is_away_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        await create(broker.bootstrap)
        await publish(broker.bootstrap, b"before")
        async with ChangelogReader({"bootstrap_servers": broker.bootstrap}, [TOPIC]) as reader:
            assert [record.value for record in await reader.poll(timeout_ms=60_000)] == [b"before"]
            await asyncio.to_thread(broker.stop)
            end = time.monotonic() + DEADLINE_S
            while reader.silent_s() < 1:
                assert await reader.poll(timeout_ms=100) == []
                assert time.monotonic() < end
            assert reader.ready, "what was read stays read"
            await asyncio.to_thread(broker.start, 120)
            await publish(broker.bootstrap, b"after")
            assert [record.value for record in await reader.poll(timeout_ms=60_000)] == [b"after"]
            assert reader.silent_s() < 1
