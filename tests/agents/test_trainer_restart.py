"""A trainer that is killed, stopped and started again ends where one that never stopped would, to the bit."""

import random
import re

import httpx
import msgspec
import pytest
from aiokafka import TopicPartition

from agents.learning import Learning
from agents.micro_batch import Element, MicroBatches, Position
from infra.topics import create_topics
from pipeline.learner import Learner
from schemas.events import Exposure
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, decode_config
from schemas.settings import Settings
from tables.offsets import reader
from tables.transaction import Record
from tests.agents.trainer_process import (
    SMALL,
    events_of,
    group_offsets,
    last_commit,
    publish,
    small,
    started,
    until_learnt,
)
from tests.tables.kafka_state import read_rows

pytestmark = pytest.mark.timeout(300)

NEVER_MS = 600_000  # no batch is cut short: where it is cut would depend on the clock
PER_RECORD = 7  # batches of 64 end inside records


async def kept(settings: Settings, topic: str) -> dict[bytes, bytes]:
    """What a topic adds up to, without what holds the time of day."""
    rows = await read_rows(settings.kafka.bootstrap_servers, topic, [0])
    return {key: value for (_, key), value in rows.items() if key != COMMIT_KEY}


def uninterrupted(settings: Settings, exposures: list[Exposure]) -> list[dict[bytes, bytes]]:
    """Parameters, state and histories after all of them, learnt in one go and in this process."""
    learner = Learner(settings.model_config_core())
    learning = Learning(learner, {0: Position(0)}, lambda *_: None, announce=True)
    batches: MicroBatches[Exposure, Record] = MicroBatches(SMALL.batch, deadline=float("inf"))
    batches.add(0, Position(0), [Element(exposure, None) for exposure in exposures], now=0.0)
    while batches.ready(0.0):
        learning.learn(batches.take())
    cut = learning.cut(1, 0, 0.0)
    parameters = {key: value for key, value in cut.parameters if key != COMMIT_KEY and value is not None}
    return [parameters, {key: value for key, value in cut.state if value is not None}, cut.histories[0]]


async def test_a_trainer_that_was_killed_and_stopped_equals_one_that_was_not(settings: Settings) -> None:
    settings = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"partitions": 1})})
    settings = small(settings, batch_deadline_ms=NEVER_MS)
    await create_topics(settings)
    records = events_of(random.Random(11), 640, PER_RECORD)  # noqa: S311
    total = 640 * PER_RECORD
    assert total % SMALL.batch == 0
    with started(settings) as trainer:
        await publish(settings, records[:200])
        await until_learnt(trainer, settings, 200 * PER_RECORD // SMALL.batch * SMALL.batch)
        await publish(settings, records[200:400])  # killed while it learns these
        await until_learnt(trainer, settings, 200 * PER_RECORD + 1)
    with started(settings) as trainer:
        await publish(settings, records[400:500])
        await until_learnt(trainer, settings, 400 * PER_RECORD + 1)
        assert trainer.stop() == 0, trainer.log
    stopped = await last_commit(settings)
    assert stopped is not None
    assert stopped.clock % SMALL.batch == 0
    assert stopped.offsets == await group_offsets(settings)
    with started(settings) as trainer:
        await publish(settings, records[500:])
        await until_learnt(trainer, settings, total)
    exposures = [
        msgspec.convert(event | {"user": {}, "context": {}}, Exposure) for _, events in records for event in events
    ]
    topics = settings.topics
    found = [
        await kept(settings, topic) for topic in (topics.parameters, topics.trainer_state, topics.histories_changelog)
    ]
    for one, other in zip(uninterrupted(settings, exposures), found, strict=True):
        assert one.keys() == other.keys()
        assert [key for key in one if one[key] != other[key]] == []


async def test_readers_have_a_model_at_once_and_another_shape_is_refused(settings_with_topics: Settings) -> None:
    settings, topics = small(settings_with_topics, metrics_port=0), settings_with_topics.topics
    with started(settings) as trainer:
        await until_learnt(trainer, settings, 0)
        address = re.search(r"http://[\d.]+:\d+", trainer.log)
        assert address, trainer.log
        async with httpx.AsyncClient(base_url=address[0]) as http:
            assert (await http.get("/readyz")).text == "ready\n"
            metrics = (await http.get("/metrics")).text
        assert "svq_trainer_active 1.0" in metrics
        assert "svq_publish_seconds_count 1.0" in metrics
        assert trainer.stop() == 0, trainer.log
    rows = await kept(settings, topics.parameters)
    assert decode_config(rows[CONFIG_KEY]) == settings.model_config_core()
    assert any(b"." in key for key in rows)
    sources = [TopicPartition(topics.parameters, 0), TopicPartition(topics.trainer_state, 0)]
    async with reader({"bootstrap_servers": settings.kafka.bootstrap_servers}) as consumer:
        before = await consumer.end_offsets(sources)
        other = settings.model_copy(update={"model": SMALL.model_copy(update={"dim": 8})})
        with started(other) as trainer:
            assert trainer.wait(90) == 2, trainer.log
        last = trainer.log.strip().splitlines()[-1]
        assert "model.dim is 8 in the settings, 16 in the stored model" in last
        assert "kafka.prefix" in last
        assert await consumer.end_offsets(sources) == before
