"""Which assignments a worker can own."""

from pathlib import Path

import pytest
from aiokafka import TopicPartition

from schemas.errors import FencedError, InvariantError
from tables.config import WorkerConfig
from tables.shards import Shards


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
    assert isinstance(shards().unfit(assigned(0, 1, 2), {0, 1}), InvariantError)
    assert isinstance(shards().unfit(assigned(0, topics=("candidates",)), {0}), InvariantError)


def test_one_shard_takes_all_partitions_or_none() -> None:
    assert shards(transactional_id="t").unfit(assigned(0, 1, 2), {0, 1, 2}) is None
    assert isinstance(shards(transactional_id="t").unfit(assigned(0, 1), {0, 1}), FencedError)


@pytest.mark.parametrize(("transactional_id", "name"), [(None, "g-2"), ("t", "t")])
def test_a_shard_is_named_by_its_transactional_id(transactional_id: str | None, name: str) -> None:
    assert shards(transactional_id=transactional_id).config.shard_name(2) == name
