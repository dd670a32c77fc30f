"""Topics and producers of their own for the reader's tests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from client_topics import CreateProducer, CreateTopic


@pytest.fixture
def connection(bootstrap: str) -> dict[str, Any]:
    # A short metadata age, so that a test sees new partitions and deleted topics soon.
    return {"bootstrap_servers": bootstrap, "metadata_max_age_ms": 300}


@pytest.fixture
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def create_topic(admin: AIOKafkaAdminClient, prefix: str) -> CreateTopic:
    async def create(name: str = "table", partitions: int = 2, **config: str) -> str:
        settings = {name.replace("_", "."): value for name, value in config.items()}
        topic = f"{prefix}-{name}"
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=settings)])
        return topic

    return create


@pytest.fixture
async def create_producer(bootstrap: str) -> AsyncIterator[CreateProducer]:
    async with AsyncExitStack() as stack:

        async def create(**arguments: Any) -> AIOKafkaProducer:
            producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", **arguments)
            await producer.start()
            stack.push_async_callback(producer.stop)
            return producer

        yield create


@pytest.fixture
async def producer(create_producer: CreateProducer) -> AIOKafkaProducer:
    return await create_producer()
