"""The ledger says what is in Kafka: on a real one, with transactions that are aborted."""

import asyncio
import time
from collections.abc import Callable

from streamvq_client.snapshot import read_topic

from infra.chaos.events import Events
from infra.chaos.ledger import mark
from infra.chaos.load import Load
from schemas.kafka import connection
from schemas.settings import Settings

RATE, ENOUGH, DEADLINE_S = 2_000, 6_000, 60.0


async def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def test_what_was_acknowledged_is_there_and_nothing_else(settings_with_topics: Settings) -> None:
    topics, arguments = settings_with_topics.topics, connection(settings_with_topics.kafka)
    events = Events(1, settings_with_topics.kafka.partitions, topics.exposures, topics.candidates)
    async with Load(arguments, topics, events, RATE) as load:
        await load.catalogue()
        running = asyncio.create_task(load.run())
        await until(lambda: load.ledger.events >= ENOUGH and load.ledger.aborted)
        load.stop()
        await running
        await load.flush()
    found: dict[tuple[str, int], dict[int, int]] = {}
    for topic in (topics.exposures, topics.candidates):
        async for record in read_topic(arguments, topic):
            there = found.setdefault((topic, record.partition), {})
            there[record.offset] = mark(record.partition, record.key, record.value)
    assert found == load.ledger.acknowledged
    assert not load.ledger.doubtful
    assert sum(map(len, found.values())) > ENOUGH / 100
