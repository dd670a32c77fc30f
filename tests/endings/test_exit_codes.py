"""Each kind of end has its exit code, from a real process in which it really happens."""

import asyncio
import random

import pytest
from aiokafka import AIOKafkaProducer
from streamvq_client.rows import ItemRow, encode

from schemas.errors import (
    FencedError,
    InvariantError,
    ResourceError,
    SettingsError,
    StreamVQError,
    TopicsError,
    UnreachableError,
)
from schemas.settings import Settings
from tests.agents.index_bench import Bench
from tests.agents.trainer_process import SMALL, events_of, last_commit
from tests.agents.trainer_process import publish as publish_exposures
from tests.endings.forked import Forked, changed, forked
from tests.tables.chaos import until

pytestmark = pytest.mark.timeout(180)

SEED = 3
DEADLINE_S = 60
ITEMS = 4000
MIB = 1 << 20


async def ended(process: Forked) -> int | None:
    return await asyncio.to_thread(process.ended)


def said(process: Forked, error: type[StreamVQError], words: str) -> None:
    """It ended with this error: by its code, and by its last line."""
    assert process.ended() == error.exit_code, process.log
    last = process.lines("stopped")
    assert words in (last[0]["reason"] if last else process.log[process.log.index("svq: ") :])


async def test_a_wrong_setting(settings_with_topics: Settings) -> None:
    with forked("indexer", settings_with_topics, SVQ_INDEXER__THREADS="0") as process:
        said(process, SettingsError, "SVQ_INDEXER__THREADS")


async def test_missing_topics(settings: Settings) -> None:
    with forked("indexer", changed(settings, "kafka", start_deadline_s=1.0)) as process:
        said(process, TopicsError, "svq topics create")


async def test_no_broker(settings: Settings) -> None:
    with forked(
        "trainer", changed(settings, "kafka", bootstrap_servers="127.0.0.1:1", start_deadline_s=1.0)
    ) as process:
        said(process, UnreachableError, "127.0.0.1:1")


async def test_somebody_else_takes_over(settings_with_topics: Settings) -> None:
    settings = settings_with_topics.model_copy(update={"model": SMALL})
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap_servers, transactional_id=settings.topics.trainer_app
    )
    await publish_exposures(settings, events_of(random.Random(SEED), 20))  # noqa: S311
    with forked("trainer", settings) as process:

        async def learning() -> bool:
            assert process.running, process.log
            return await last_commit(settings) is not None

        await until(learning, DEADLINE_S, lambda: process.log)
        await producer.start()  # which fences whoever had the id
        try:
            await publish_exposures(settings, events_of(random.Random(SEED), 20))  # noqa: S311
            await ended(process)
        finally:
            await producer.stop()
        said(process, FencedError, "another worker took over")


async def test_rows_whose_offsets_are_gone(settings_with_topics: Settings) -> None:
    settings = settings_with_topics
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers) as producer:
        await producer.send_and_wait(settings.topics.items_changelog, encode(ItemRow({}, {}, 1)), b"i")
    with forked("indexer", settings) as process:
        await ended(process)
        said(process, InvariantError, "has no committed offset")


async def test_a_folder_that_is_none(settings_with_topics: Settings) -> None:
    settings = settings_with_topics
    (settings.data / "file").touch()
    with forked("indexer", changed(settings, "indexer", folder=settings.data / "file")) as process:
        await ended(process)
        said(process, ResourceError, "cannot be made: File exists")


async def test_a_disk_that_takes_no_more(settings_with_topics: Settings) -> None:
    """No file may grow beyond some KiB: to RocksDB that is what a full disk is."""
    settings = settings_with_topics
    features = {"category": "c" * 60}
    await Bench(settings).publish({f"item-{number}": features for number in range(ITEMS)})
    with forked("indexer", settings, "files_stay_small") as process:
        await ended(process)
        said(process, ResourceError, "cannot be written")
