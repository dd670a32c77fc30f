"""The trainer knows which clusters hold no item, and moves the codes of the dead ones."""

import asyncio
import time
from collections.abc import Sequence

import numpy as np
from aiokafka import AIOKafkaProducer
from streamvq_client.record import Record
from streamvq_client.rows import ClusterRow, encode

from agents.empty_clusters import QUIET_S, ClusterSizes, EmptyClusters
from agents.learning import Learning
from agents.micro_batch import MicroBatch, Position
from pipeline.catalogue import Catalogue
from pipeline.config import ModelConfig, Task
from pipeline.learner import Learner
from schemas.events import Exposure
from schemas.kafka import connection
from schemas.parameters import decode_commit
from schemas.settings import Settings
from tables.pulse import Pulses

DEADLINE_S = 30.0


async def test_shares_of_all_partitions_add_up_and_changes_are_followed(settings_with_topics: Settings) -> None:
    topic = settings_with_topics.topics.clusters_changelog
    ahead = time.time_ns() // 1_000_000 + 3_600_000  # the indexer's clock does not matter
    now = 0.0
    async with AIOKafkaProducer(bootstrap_servers=settings_with_topics.kafka.bootstrap_servers) as kafka:

        async def put(partition: int, cluster: bytes, items: int) -> None:
            row = encode(ClusterRow(items=items, exposures=9, time=ahead))
            await kafka.send_and_wait(topic, row, key=cluster, partition=partition)

        await put(0, b"0", 3)
        await put(1, b"0", 1)
        await put(0, b"1", 2)
        await put(1, b"-1", 5)
        pulse = Pulses().stream("clusters", 60)
        empty = EmptyClusters(connection(settings_with_topics.kafka), topic, pulse, lambda: now)
        try:
            await empty.start(DEADLINE_S)
            now = QUIET_S
            assert empty(4) == [2, 3]
            following = asyncio.create_task(empty.follow())
            await put(0, b"0", 0)
            await put(0, b"1", 0)
            async with asyncio.timeout(DEADLINE_S):
                while empty(4) != [1, 2, 3]:
                    now += 1.0
                    await asyncio.sleep(0.01)
            following.cancel()
        finally:
            await empty.stop()


class Slow(EmptyClusters):
    """Rows wait for a training thread that restores a large model."""

    pulses = Pulses()
    overdue: object = "nothing was taken"

    async def _take(self, records: Sequence[Record]) -> None:
        self.pulses.advance(600.0)
        self.overdue = self.pulses.overdue()


async def test_rows_that_wait_for_the_training_thread_are_no_stall(settings_with_topics: Settings) -> None:
    topic, arguments = settings_with_topics.topics.clusters_changelog, connection(settings_with_topics.kafka)
    async with AIOKafkaProducer(**arguments) as kafka:
        await kafka.send_and_wait(topic, encode(ClusterRow(items=1, exposures=0, time=0)), key=b"0", partition=0)
    slow = Slow(arguments, topic, Slow.pulses.stream("clusters", 60))
    try:
        await slow.start(DEADLINE_S)
    finally:
        await slow.stop()
    assert slow.overdue is None
    Slow.pulses.advance(61.0)
    assert Slow.pulses.overdue() is not None  # to read on is expected all the same


def test_a_cluster_that_changed_just_now_may_be_on_its_way_to_an_item() -> None:
    sizes = ClusterSizes()
    sizes.put(0, 0, items=1, now=0.0)
    sizes.put(0, 1, items=0, now=1.0)
    assert sizes.empty(2, 0.9 + QUIET_S) == []
    assert sizes.empty(2, 1.0 + QUIET_S) == [1]


def test_nothing_is_empty_before_anything_is_filed() -> None:
    sizes = ClusterSizes()
    sizes.put(0, -1, items=7, now=0.0)
    assert sizes.empty(8, 10 * QUIET_S) == []


def test_a_cut_moves_dead_codes_and_publishes_them() -> None:
    settings = ModelConfig(tasks=(Task("click"),), dim=8, id_dim=8, batch=16, codes=32, start_steps=3, alpha=0.3)
    ids = [f"i{number}" for number in range(400)]
    catalogue = Catalogue()
    for item in ids:
        catalogue.put(item, {})
    learner = Learner(settings, catalogue=catalogue)
    learning = Learning(learner, {0: Position(0)}, lambda *_: None, announce=True)
    for number in range(30):
        shown = ids if number < 25 else ids[:2]
        batch = [
            Exposure("u", shown[(16 * number + n) % len(shown)], number, {"click": 1.0}, {}, {}) for n in range(16)
        ]
        learning.learn(MicroBatch(batch, [], {0: Position(number + 1)}))
    learning.cut(1, 0, 0.0)
    before = learning.learner.model.codebook.codes_kd
    assert before is not None
    before = before.copy()
    mass = learning.learner.model.codebook.counts_k
    dead = int(mass.argmin())
    assert mass[dead] < mass.mean() / settings.disturbance / 2
    cut = learning.cut(2, 0, 0.0, [dead])
    assert decode_commit(cut.parameters[-1][1] or b"").metrics["codes_moved"] == 1
    assert b"codebook/%d" % dead in dict(cut.parameters)
    after = learning.learner.model.codebook.codes_kd
    assert after is not None
    assert np.flatnonzero((after != before).any(axis=1)).tolist() == [dead]
