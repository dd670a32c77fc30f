"""Offsets of the trainer go on behind markers of transactions, as part of a version: retention finds nothing unread."""

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from agents.trainer_state import load
from schemas.errors import InvariantError
from schemas.settings import Settings
from tables.errors import LostRowsError, classified
from tables.offsets import reader
from tables.progress import Progress
from tests.agents.trainer_process import DEADLINE_S, group_offsets, last_commit, small, started, until_learnt
from tests.tables.chaos import until
from tests.tables.kafka_state import lose_beginning

pytestmark = pytest.mark.timeout(300)


async def publish_in_transactions(settings: Settings, partition: int, events: int) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap_servers, transactional_id=f"{settings.kafka.prefix}-app"
    )
    await producer.start()
    try:
        for number in range(events):
            event = {"user_id": "u", "item_id": "i", "timestamp": 1_700_000_000_000 + number, "labels": {"click": 1}}
            async with producer.transaction():
                await producer.send(settings.topics.exposures, msgspec.json.encode(event), partition=partition)
    finally:
        await producer.stop()


async def ends(settings: Settings) -> dict[int, int]:
    sources = [TopicPartition(settings.topics.exposures, number) for number in range(settings.kafka.partitions)]
    async with reader({"bootstrap_servers": settings.kafka.bootstrap_servers}) as consumer:
        return {tp.partition: end for tp, end in (await consumer.end_offsets(sources)).items()}


async def test_the_offset_does_not_stop_at_the_marker_of_the_last_transaction(settings_with_topics: Settings) -> None:
    settings = small(settings_with_topics)
    with started(settings) as trainer:
        await publish_in_transactions(settings, partition=1, events=3)
        await until_learnt(trainer, settings, 3)

        async def at_the_end() -> bool:
            assert trainer.running, trainer.log
            return await group_offsets(settings) == await ends(settings)

        await until(at_the_end, DEADLINE_S, lambda: trainer.log)
        assert (await ends(settings))[1] == 6
        commit = await last_commit(settings)
        assert commit is not None
        assert commit.offsets == await ends(settings)
        assert trainer.stop() == 0
    with started(settings) as trainer:
        await publish_in_transactions(settings, partition=1, events=1)
        await until_learnt(trainer, settings, 4)


async def test_a_model_whose_beginning_was_deleted_is_not_gone_on_with(settings_with_topics: Settings) -> None:
    topics, connection = (
        settings_with_topics.topics,
        {"bootstrap_servers": settings_with_topics.kafka.bootstrap_servers},
    )
    producer = AIOKafkaProducer(**connection)
    await producer.start()
    for key in (b"config", b"commit"):
        await producer.send_and_wait(topics.parameters, b"x", key=key)
    await producer.stop()
    await lose_beginning(settings_with_topics.kafka.bootstrap_servers, TopicPartition(topics.parameters, 0), before=1)
    try:
        await load(connection, topics, DEADLINE_S, Progress())
    except Exception as error:  # noqa: BLE001 - whatever it is, this is how a worker ends by it
        ended = classified(error)
    else:
        ended = None
    assert isinstance(ended, LostRowsError)
    assert ended.exit_code == InvariantError.exit_code
    assert f"records 0 to 0 of {topics.parameters}" in str(ended)
    assert "svq topics create" in str(ended)
