"""Kafka goes away while rows are being restored: whoever waits for them does not wait for ever."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from streamvq_client.rows import ItemRow, encode

from infra.broker import EmbeddedBroker
from infra.topics import create_topics
from schemas.errors import UnreachableError
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from tests.endings.forked import Forked, changed, forked

pytestmark = pytest.mark.timeout(180)

ITEMS, TITLE = 2_500, "x" * 10_000  # beyond what a client fetches ahead
STALL_S = 6.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path / "broker") as running:
        yield running


async def stored(settings: Settings) -> None:
    """Large rows in the changelog of items, and the group's offsets that belong to them."""
    kafka, topics = settings.kafka, settings.topics
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        row = encode(ItemRow({}, {"title": TITLE}, 1))
        for number in range(ITEMS):
            await producer.send(topics.items_changelog, row, b"%d" % number, number % kafka.partitions)
    sources = [TopicPartition(name, p) for name in (topics.candidates, topics.assignments) for p in range(2)]
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, group_id=topics.indexer_app) as consumer:
        consumer.assign(sources)
        await consumer.commit(dict.fromkeys(sources, 0))


async def stalled(process: Forked, what: str) -> None:
    """It ends, since this moves no more."""
    assert await asyncio.to_thread(process.ended) == UnreachableError.exit_code, process.log
    last = process.last_line()
    assert last["kind"] == "StalledError", last
    assert f"{what} has stood still for" in last["reason"], last


async def test_a_restore_that_gets_no_further_ends(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, kafka=KafkaSettings(bootstrap_servers=broker.bootstrap, partitions=2))
    await create_topics(settings)
    await stored(settings)
    indexer = changed(settings, "indexer", metrics_port=0, session_timeout_s=60, stall_deadline_s=STALL_S)
    server = changed(settings, "server", port=0, stall_deadline_s=STALL_S)
    with (
        forked("indexer", indexer, "restoring_is_held") as restoring,
        forked("server", server, "reading_is_held") as reading,
    ):
        for process in (restoring, reading):
            await asyncio.to_thread(process.until_said, "held")
        await asyncio.to_thread(broker.stop)
        for process in (restoring, reading):
            process.signal(signal.SIGUSR1)
        await asyncio.gather(stalled(restoring, "restoring"), stalled(reading, "replica"))
