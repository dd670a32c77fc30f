"""Which assignments a worker can own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from schemas.errors import FencedError
from tables.config import WorkerConfig
from tables.shards import Shards
from tests.tables.chaos import until
from tests.tables.owners import Owner


def shards(*, transactional_id: str | None = None) -> Shards:
    config = WorkerConfig(
        group="g",
        connection={},
        folder=Path("unused"),
        sources=("candidates", "assignments"),
        partitions=3,
        transactional_id=transactional_id,
    )
    return Shards(config, lambda: 1)


def assigned(*partitions: int, topics: tuple[str, ...] = ("candidates", "assignments")) -> set[TopicPartition]:
    return {TopicPartition(topic, partition) for topic in topics for partition in partitions}


def test_sources_and_tables_that_come_together_fit() -> None:
    assert shards().unfit(assigned(0, 2), {0, 2}) is None
    assert shards().unfit(set(), set()) is None


def test_a_source_without_its_tables_does_not_fit() -> None:
    assert isinstance(shards().unfit(assigned(0, 1, 2), {0, 1}), FencedError)
    assert isinstance(shards().unfit(assigned(0, topics=("candidates",)), {0}), FencedError)


def test_one_shard_takes_all_partitions_or_none() -> None:
    assert shards(transactional_id="t").unfit(assigned(0, 1, 2), {0, 1, 2}) is None
    assert isinstance(shards(transactional_id="t").unfit(assigned(0, 1), {0, 1}), FencedError)


@pytest.mark.parametrize(("transactional_id", "name"), [(None, "g-2"), ("t", "t")])
def test_a_shard_is_named_by_its_transactional_id(transactional_id: str | None, name: str) -> None:
    assert shards(transactional_id=transactional_id).config.shard_name(2) == name


async def test_a_worker_that_started_before_topics_grew_owns_nothing(
    bootstrap: str, owner_of: Callable[..., Owner]
) -> None:
    owner = owner_of()
    changelog, owned = owner.table.changelog(0).topic, owner.app.shards
    for shard in await owned.fence({0}):
        await shard.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_partitions({changelog: NewPartitions(5)})

        async def shown() -> bool:
            (topic,) = await admin.describe_topics([changelog])
            return len(topic["partitions"]) == 5

        await until(shown, 30, lambda: "it does not grow")
    finally:
        await admin.close()
    with pytest.raises(FencedError, match="has 5 partitions, 2 when this worker started"):
        await owned.fence({0})
