"""A trainer that is killed, stopped and started again ends where one that never stopped does, to the bit.

SVQ_CHAOS_KILLS makes it longer, SVQ_CHAOS_SEED repeats a run.
"""

import asyncio
import os
import random
import re
from collections import Counter

import httpx
import pytest
from aiokafka import TopicPartition

from infra.topics import create_topics
from schemas.commit import decode_commit
from schemas.eligible import EligibleSettings
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, decode_config
from schemas.settings import Settings
from tables.offsets import reader
from tests.agents.trainer_process import (
    DEADLINE_S,
    SMALL,
    counted,
    group_offsets,
    last_commit,
    publish,
    small,
    started,
    until_learnt,
)
from tests.agents.varied_stream import FEATURES, TASKS, items_of, publish_items, varied
from tests.tables.kafka_state import read_rows

KILLS = int(os.environ.get("SVQ_CHAOS_KILLS", "3"))
SEED = int(os.environ.get("SVQ_CHAOS_SEED", random.SystemRandom().randrange(10**6)))
NEVER_MS = 600_000  # no batch is cut short: where it is cut would depend on the clock
PER_RECORD = 7  # batches of 16 end inside records
RECORDS = 128 * (KILLS + 2)  # expiry comes with the 256th batch
# Everything that has a state of its own: a ranker that learns, histories that are full, ids and items that expire.
MODEL = SMALL.model_copy(
    update={"batch": 16, "ranker": "attention", "rank_negatives": 4, "history": 8, "expire_after": 1500}
)

pytestmark = pytest.mark.timeout(240 + 15 * KILLS)


async def kept(settings: Settings) -> list[dict[bytes, bytes]]:
    """What parameters, trainer state and histories add up to, without what holds the time of day."""
    bootstrap, topics = settings.kafka.bootstrap_servers, settings.topics
    read = [
        await read_rows(bootstrap, topic, [0])
        for topic in (topics.parameters, topics.trainer_state, topics.histories_changelog)
    ]
    return [{key: value for (_, key), value in rows.items() if key != COMMIT_KEY} for rows in read]


async def one_stream(settings: Settings, prefix: str, publish_ms: int) -> Settings:
    """Settings whose batches follow from offsets alone, with topics and the catalogue."""
    update = {
        "kafka": settings.kafka.model_copy(update={"partitions": 1, "prefix": prefix}),
        "features": FEATURES,
        "tasks": TASKS,
        "eligible": EligibleSettings(max_age_days=1200 / 86_400),  # some items get too old on the way
    }
    settings = settings.model_copy(update=update)
    settings = small(settings, prefix, batch_deadline_ms=NEVER_MS, publish_interval_ms=publish_ms)
    settings = settings.model_copy(update={"model": MODEL})
    await create_topics(settings)
    await publish_items(settings, items_of(random.Random(SEED)))  # noqa: S311
    return settings


async def killed_at(settings: Settings, moment: int) -> int:
    """A trainer that is killed once a version with so many exposures is there, and one is new; those of that version.

    The next batch is being learnt then, or the next version is on its way.
    """
    source, clock = TopicPartition(settings.topics.parameters, 0), -1
    async with reader({"bootstrap_servers": settings.kafka.bootstrap_servers}) as consumer:
        consumer.assign([source])
        await consumer.seek_to_end(source)
        with started(settings) as trainer:
            async with asyncio.timeout(DEADLINE_S):
                while clock < moment:
                    records = (await consumer.getmany(timeout_ms=100)).get(source, [])
                    clocks = [decode_commit(record.value).clock for record in records if record.key == COMMIT_KEY]
                    clock = max([clock, *clocks])
            assert trainer.running, trainer.log
    return clock


async def learn_through_kills(settings: Settings, total: int) -> None:
    """Kills at moments drawn over the whole stream, then an orderly stop, then the rest."""
    moments = sorted(random.Random(SEED).sample(range(total * 3 // 4), KILLS))  # noqa: S311
    killed = [await killed_at(settings, moment) for moment in moments]
    print(f"killed at {killed} of {total}")
    assert killed[-1] < total, "nothing was left to learn after the last kill"
    with started(settings) as trainer:
        await until_learnt(trainer, settings, killed[-1] + 1)
        assert trainer.stop() == 0, trainer.log
    stopped = await last_commit(settings)
    assert stopped is not None
    assert stopped.clock % MODEL.batch == 0
    assert stopped.offsets == await group_offsets(settings)
    with started(settings) as trainer:
        await until_learnt(trainer, settings, total)


async def test_a_trainer_that_was_killed_and_stopped_equals_one_that_was_not(settings: Settings) -> None:
    print(f"SVQ_CHAOS_SEED={SEED}")
    records = varied(random.Random(SEED), RECORDS, PER_RECORD)  # noqa: S311
    total = len(records) * PER_RECORD
    assert total % MODEL.batch == 0
    whole = await one_stream(settings, f"{settings.kafka.prefix}-whole", publish_ms=250)
    cut = await one_stream(settings, f"{settings.kafka.prefix}-cut", publish_ms=20)
    await publish(cut, records)
    await publish(whole, records)
    with started(whole) as trainer:
        await learn_through_kills(cut, total)
        await until_learnt(trainer, whole, total)
    for one, other in zip(await kept(whole), await kept(cut), strict=True):
        assert one.keys() == other.keys()
        assert [key for key in one if one[key] != other[key]] == []
    assert await counted(cut) == Counter(event["item_id"] for _, events in records for event in events)


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
    rows, *_ = await kept(settings)
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
