"""Types of the fixtures beside this file, and a topic created once more."""

import time
from collections.abc import Awaitable, Callable

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

DEADLINE_S = 30.0

CreateTopic = Callable[..., Awaitable[str]]
CreateProducer = Callable[..., Awaitable[AIOKafkaProducer]]


async def recreate(admin: AIOKafkaAdminClient, topic: str, partitions: int = 1) -> None:
    """Create a topic that was just deleted: Kafka refuses until it is gone."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        response = await admin.create_topics([NewTopic(topic, partitions, 1)])
        if not any(error for _, error, *_ in response.topic_errors):
            return
    pytest.fail(f"{topic} could not be created again")
