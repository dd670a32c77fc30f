"""Told to stop under load: what is in flight is committed, nothing else, and the process ends in time with 0."""

import asyncio
import random
import signal
import time

import httpx
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from infra.group_members import members
from schemas.settings import Settings
from tables.offsets import committed_offsets
from tests.agents.index_bench import Bench
from tests.agents.trainer_process import SMALL, events_of, group_offsets, last_commit
from tests.agents.trainer_process import publish as publish_exposures
from tests.endings.forked import Forked, changed, forked
from tests.tables.chaos import until
from tests.tables.kafka_state import read_topic

pytestmark = pytest.mark.timeout(180)

SEED = 11
PROMISED_S = 10.0
SESSION_S = 60.0  # a busy machine must not end the session meanwhile
UNHURRIED = {"metrics_port": 0, "session_timeout_s": SESSION_S}
TIMES = (signal.SIGTERM, signal.SIGTERM, signal.SIGINT)


async def stop(process: Forked) -> None:
    """Asked again and again, it ends once: with 0, in time. What is held in it goes on once it knows."""
    began = time.monotonic()
    for number in TIMES:
        process.signal(number)
    await asyncio.to_thread(process.until, "stopping")
    process.signal(signal.SIGUSR1)
    assert await asyncio.to_thread(process.ended, PROMISED_S) == 0, process.log
    print(f"{process.role} ended after {time.monotonic() - began:.2f} s")


async def indexers(settings: Settings) -> int:
    """As many as are members of the group now."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    await admin.start()
    try:
        return await members(admin, settings.topics.indexer_app)
    finally:
        await admin.close()


async def test_an_indexer_commits_the_step_in_flight_and_no_other(settings_with_topics: Settings) -> None:
    settings, bench = settings_with_topics, Bench(settings_with_topics)
    topics = settings.topics
    connection = {"bootstrap_servers": [settings.kafka.bootstrap_servers]}
    sources = [TopicPartition(topics.candidates, partition) for partition in range(settings.kafka.partitions)]
    await bench.publish({f"first-{number}": {"category": "c1"} for number in range(40)})
    with forked("indexer", changed(settings, "indexer", **UNHURRIED), "placing_is_held") as process:
        await asyncio.to_thread(process.until_said, "held")
        before = await committed_offsets(connection, topics.indexer_app, sources)
        assert set(before.values()) <= {0}, "the step in flight is the first"
        await bench.publish({f"second-{number}": {"category": "c1"} for number in range(40)})
        await stop(process)
        assert await indexers(settings) == 0, process.log
    after = await committed_offsets(connection, topics.indexer_app, sources)
    candidates = await read_topic(bench.bootstrap, topics.candidates, range(settings.kafka.partitions))
    committed = {
        (record.key or b"").decode()
        for record in candidates
        if record.offset < (after[TopicPartition(topics.candidates, record.partition)] or 0)
    }
    assert committed
    assert (await bench.index()).keys() == committed
    await bench.check_sums()


async def test_its_partitions_are_others_before_it_ends(settings_with_topics: Settings) -> None:
    """Whatever hangs in it: Kafka would give it the rest of its session."""
    settings, topics = settings_with_topics, settings_with_topics.topics

    def indexer(name: str) -> Settings:
        return changed(settings, "indexer", folder=settings.data / name, **UNHURRIED)

    with (
        forked("indexer", indexer("leaving"), "stopping_hangs") as leaving,
        forked("indexer", indexer("staying")) as staying,
    ):
        await asyncio.to_thread(staying.until, "shard ready")
        await asyncio.to_thread(leaving.until_ready)
        await stop(leaving)
        assert leaving.lines("did not stop in time; leaving"), leaving.log
        assert await indexers(settings) == 1
        taken = {f"{topics.indexer_app}-{partition}" for partition in range(settings.kafka.partitions)}

        async def taken_over() -> bool:
            return {line["shard"] for line in staying.lines("shard ready")} == taken

        await until(taken_over, SESSION_S / 2, lambda: staying.log)


async def test_a_trainer_commits_the_step_in_flight_and_no_other(settings_with_topics: Settings) -> None:
    settings = settings_with_topics.model_copy(update={"model": SMALL})
    await publish_exposures(settings, events_of(random.Random(SEED), 40))  # noqa: S311
    with forked("trainer", changed(settings, "trainer", **UNHURRIED), "training_is_held") as process:
        await asyncio.to_thread(process.until_said, "held")
        before = await last_commit(settings)
        assert before is None or before.clock <= SMALL.batch, "the second batch is in flight"
        await stop(process)
    commit = await last_commit(settings)
    assert commit is not None, process.log
    assert commit.clock == 2 * SMALL.batch, process.log
    assert commit.offsets == await group_offsets(settings)


async def test_a_worker_that_was_told_to_stop_is_not_ready(settings_with_topics: Settings) -> None:
    settings, bench = settings_with_topics, Bench(settings_with_topics)
    with forked("indexer", changed(settings, "indexer", **UNHURRIED), "placing_is_held") as process:
        await asyncio.to_thread(process.until_ready)
        await bench.publish({"i": {"category": "c1"}})
        await asyncio.to_thread(process.until_said, "held")
        process.signal(signal.SIGTERM)
        await asyncio.to_thread(process.until, "stopping")
        ready = await asyncio.to_thread(httpx.get, f"{process.url()}/readyz")
        assert ready.status_code == 503
        process.signal(signal.SIGUSR1)
        assert await asyncio.to_thread(process.ended, PROMISED_S) == 0


async def test_a_server_answers_the_request_under_way(settings_with_topics: Settings) -> None:
    with forked("server", changed(settings_with_topics, "server", port=0), "answers_are_held") as process:
        await asyncio.to_thread(process.until_ready)
        async with httpx.AsyncClient(timeout=PROMISED_S) as client:
            asking = asyncio.create_task(client.post(f"{process.url()}/v1/retrieve", json={}))
            await asyncio.to_thread(process.until_said, "held")
            await stop(process)
            assert (await asking).status_code == 200


async def test_told_to_stop_while_it_waits_for_kafka_it_ends_too(settings: Settings) -> None:
    nowhere = changed(settings, "kafka", bootstrap_servers="127.0.0.1:1")
    with forked("trainer", nowhere, "says_that_it_begins") as process:
        await asyncio.to_thread(process.until_said, "begins")
        process.signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.ended, PROMISED_S) == 0
