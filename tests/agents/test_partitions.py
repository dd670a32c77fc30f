"""Everything that holds items has the same number of partitions, and the broker knows it."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents.partitions import count_partitions, partitions_of, require_as_many
from schemas.errors import FencedError, TopicsError, TopicsMissingError
from schemas.kafka import KafkaSettings
from schemas.settings import Settings


async def create(bootstrap: str, **counts: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, count, 1) for name, count in counts.items()])
    await admin.close()


async def test_the_broker_says_how_many(bootstrap: str, prefix: str) -> None:
    connection, names = {"bootstrap_servers": [bootstrap]}, [f"{prefix}-{n}" for n in "ab"]
    await create(bootstrap, **dict.fromkeys(names, 3))
    assert await count_partitions(connection, Settings(), names) == 3
    await require_as_many(connection, Settings(), names, 3)
    with pytest.raises(FencedError, match="there are 3 partitions, 2 when this worker started"):
        await require_as_many(connection, Settings(), names, 2)
    wrong = Settings(kafka=KafkaSettings(partitions=5))
    with pytest.raises(TopicsError, match=r"kafka\.partitions is 5, the topics have 3"):
        await count_partitions(connection, wrong, names)


async def test_missing_and_different_topics_are_named(bootstrap: str, prefix: str) -> None:
    connection, names = {"bootstrap_servers": [bootstrap]}, [f"{prefix}-{n}" for n in "ab"]
    await create(bootstrap, **{names[0]: 3})
    with pytest.raises(TopicsMissingError, match=f"no topic {names[1]}: run `svq topics create`"):
        await partitions_of(connection, names, missing_s=0.0)
    counting = asyncio.create_task(partitions_of(connection, names, missing_s=60.0))
    await asyncio.wait({counting}, timeout=1.0)
    assert not counting.done(), "it may be on its way"
    await create(bootstrap, **{names[1]: 2})
    assert await counting == {names[0]: 3, names[1]: 2}
    with pytest.raises(TopicsError, match="same number of partitions"):
        await count_partitions(connection, Settings(), names)
