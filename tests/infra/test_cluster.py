"""Three brokers of which each dies in turn, while a trainer works: nothing is lost, nothing counts twice."""

import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.cluster import Cluster
from infra.reach import administration
from infra.topic_facts import read_facts
from infra.topics import check_topics, create_topics
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from tests.agents.trainer_process import (
    counted,
    events_of,
    group_offsets,
    last_commit,
    publish,
    small,
    started,
    until_learnt,
)

pytestmark = pytest.mark.timeout(300)

RECORDS, PER_RECORD = 60, 10  # before each death, and as many after the last


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def settings(cluster: Cluster, prefix: str, tmp_path: Path) -> Settings:
    kafka = KafkaSettings(bootstrap_servers=cluster.bootstrap, prefix=prefix, partitions=2, replication_factor=3)
    return Settings(data=tmp_path, kafka=kafka)


async def test_a_trainer_outlives_each_of_three_brokers(cluster: Cluster, settings: Settings) -> None:
    settings = small(settings, batch_deadline_ms=100)
    await create_topics(settings)
    assert await check_topics(settings) == []
    async with administration(settings.kafka) as admin:
        facts = await read_facts(admin, ["__transaction_state", settings.topics.exposures])
    assert {(fact.replicas, fact.config["min.insync.replicas"]) for fact in facts.values()} == {(3, "2")}
    records = events_of(random.Random(3), RECORDS * 4, PER_RECORD)  # noqa: S311
    parts = [records[start : start + RECORDS] for start in range(0, len(records), RECORDS)]
    learnt = 0
    with started(settings) as trainer:
        await until_learnt(trainer, settings, 0)
        for part, node in zip(parts, [*cluster, None], strict=True):
            if node is not None:
                node.child.signal(signal.SIGKILL)
            await publish(settings, part)
            learnt += RECORDS * PER_RECORD
            await until_learnt(trainer, settings, learnt)
            if node is not None:
                node.start()
        assert trainer.stop() == 0, trainer.log
    assert await counted(settings) == Counter(event["item_id"] for _, events in records for event in events)
    commit = await last_commit(settings)
    assert commit is not None
    assert (commit.clock, commit.offsets) == (learnt, await group_offsets(settings))
