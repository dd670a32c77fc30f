"""A version is read whole from two topics while a trainer writes on, and from nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from agents.stored_version import changes_of, read_version
from pipeline.changes import Changes
from pipeline.config import ModelConfig, Task
from schemas.errors import InvariantError, TopicsError
from schemas.kafka import connection
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, Commit, encode_commit, encode_config, records_of
from schemas.settings import Settings
from schemas.tensors import CHUNK_BYTES
from tables.transaction import Record, publish

CONFIG = ModelConfig(tasks=(Task("click"),))
KEYS = [b"item/%d" % number for number in range(500)]


@asynccontextmanager
async def trainer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        **connection(settings.kafka), transactional_id=settings.topics.trainer_app, retry_backoff_ms=3
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def write(producer: AIOKafkaProducer, settings: Settings, version: int, *, close_state: bool = True) -> None:
    """A version whose every value is its number."""
    commit = Commit(version=version, clock=version, offsets={}, config_hash=CONFIG.hash(), time_ms=0)
    closing = [Record(COMMIT_KEY, encode_commit(commit))]
    config = [Record(CONFIG_KEY, encode_config(CONFIG))] if version == 1 else []
    rows = [Record(key, b"%d" % version) for key in KEYS]
    records = {
        TopicPartition(settings.topics.parameters, 0): [*config, *rows, *closing],
        TopicPartition(settings.topics.trainer_state, 0): rows + (closing if close_state else []),
    }
    await publish(producer, records, {}, settings.topics.trainer_app)


async def test_both_topics_are_read_at_one_version_while_it_is_written_on(settings_with_topics: Settings) -> None:
    settings, stop = settings_with_topics, asyncio.Event()
    async with trainer(settings) as producer:
        await write(producer, settings, 1)

        async def go_on() -> int:
            version = 1
            while not stop.is_set():
                version += 1
                await write(producer, settings, version)
            return version

        writing = asyncio.create_task(go_on())
        read = [await read_version(connection(settings.kafka), settings.topics) for _ in range(15)]
        stop.set()
        last = await writing
        assert (await read_version(connection(settings.kafka), settings.topics)).commit.version == last
    for stored in read:
        assert set(stored.parameters.values()) == set(stored.state.values()) == {b"%d" % stored.commit.version}
        assert stored.parameters.keys() == stored.state.keys() == set(KEYS)
        assert stored.config == CONFIG
    versions = [stored.commit.version for stored in read]
    assert versions == sorted(versions)
    assert versions[-1] > versions[0]


async def test_no_model_and_a_state_that_an_older_trainer_wrote(settings_with_topics: Settings) -> None:
    settings = settings_with_topics
    with pytest.raises(TopicsError, match="no model yet"):
        await read_version(connection(settings.kafka), settings.topics)
    async with trainer(settings) as producer:
        await write(producer, settings, 1, close_state=False)
        with pytest.raises(InvariantError, match="older streamvq"):
            await read_version(connection(settings.kafka), settings.topics, silence_s=1)


async def test_parts_left_over_from_a_larger_tensor_are_not_read_into_a_smaller_one(
    settings_with_topics: Settings,
) -> None:
    settings, name = settings_with_topics, "tower.user"
    place = TopicPartition(settings.topics.parameters, 0)
    numbers = CHUNK_BYTES // 8
    async with trainer(settings) as producer:
        await write(producer, settings, 1)
        for length in (3 * numbers, 2 * numbers):
            parts = [Record(*record) for record in records_of(Changes(dense={name: np.arange(float(length))}))]
            await publish(producer, {place: parts}, {}, settings.topics.trainer_app)
        await write(producer, settings, 2)
    stored = await read_version(connection(settings.kafka), settings.topics)
    assert f"{name}/2".encode() in stored.parameters
    kept = {key: value for key, value in stored.parameters.items() if key not in KEYS}
    np.testing.assert_array_equal(changes_of(kept).dense[name], np.arange(2.0 * numbers))
