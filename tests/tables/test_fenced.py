"""What a command leaves open when it fails holds nobody up."""

from typing import Any

import pytest
from aiokafka import TopicPartition

from schemas.kafka import connection
from schemas.settings import Settings
from tables.offsets import reader
from tables.transaction import fenced
from tests.tables.chaos import until

DEADLINE_S = 15.0


async def begin_and_fail(arguments: dict[str, Any], transactional_id: str, place: TopicPartition) -> None:
    async with fenced(arguments, transactional_id) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(place.topic, b"half a model", b"key", place.partition)
        raise RuntimeError("in the middle")


async def test_a_transaction_that_fails_is_settled_at_once(settings_with_topics: Settings) -> None:
    topics, arguments = settings_with_topics.topics, connection(settings_with_topics.kafka)
    place = TopicPartition(topics.parameters, 0)
    with pytest.raises(RuntimeError, match="in the middle"):
        await begin_and_fail(arguments, topics.trainer_app, place)
    async with reader(arguments) as committed, reader(arguments, isolation_level="read_uncommitted") as all_of_it:

        async def settled() -> bool:
            (stable,) = (await committed.end_offsets([place])).values()
            (end,) = (await all_of_it.end_offsets([place])).values()
            return stable == end == 2  # the record and the marker that says that it counts for nothing

        await until(settled, DEADLINE_S, lambda: "readers wait behind an open transaction")
