"""How long an indexer takes from its start to its first step, with tables to restore and without.

One process on topics of its own, one partition. The first start finds nothing; then the tables are written, the folder
stays empty, and it starts again: what that takes longer is the restore and all that rests on its rows.
`svq bench restore` prints it.
"""

import asyncio
import os
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from streamvq_client.rows import ClusterRow, encode

from benchmarks.restore import CODES, index_rows, item_rows, write_rows
from schemas.kafka import KafkaSettings
from schemas.topics import Topics
from tables.offsets import reader
from tables.transaction import Record

DEADLINE_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Restarted:
    """Seconds from the start of the process to its first committed row, with empty tables and with full ones."""

    items: int
    empty_s: float
    full_s: float


async def measure(bootstrap: str, rows: int, folder: Path) -> Restarted:
    """Start twice; the topics are gone afterwards."""
    connection = {"bootstrap_servers": [bootstrap]}
    kafka = KafkaSettings(bootstrap_servers=bootstrap, prefix=f"restart-{uuid.uuid4().hex[:8]}", partitions=1)
    topics = Topics(kafka.prefix)
    async with _topics(connection, topics, kafka):
        empty_s = await _until_first_row(connection, kafka, topics, folder / "first")
        await _fill(connection, topics, rows)
        full_s = await _until_first_row(connection, kafka, topics, folder / "second")
    return Restarted(rows, empty_s, full_s)


@asynccontextmanager
async def _topics(connection: Mapping[str, Any], topics: Topics, kafka: KafkaSettings) -> AsyncIterator[None]:
    specs = topics.specs(kafka)
    admin = AIOKafkaAdminClient(**connection)
    await admin.start()
    try:
        await admin.create_topics(
            [NewTopic(spec.name, spec.partitions, 1, topic_configs=spec.config) for spec in specs]
        )
        yield
        await admin.delete_topics([spec.name for spec in specs])
    finally:
        await admin.close()


async def _until_first_row(connection: Mapping[str, Any], kafka: KafkaSettings, topics: Topics, folder: Path) -> float:
    """Start an indexer, publish an item, wait for its row, end the indexer; how long the row took."""
    item = f"new-{uuid.uuid4().hex}".encode()
    await _publish(connection, topics.candidates, item)
    changelog = TopicPartition(topics.items_changelog, 0)
    async with reader(connection) as consumer:
        consumer.assign([changelog])
        await consumer.seek_to_end(changelog)
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "infra.cli", "indexer", env=_environment(kafka, folder)
        )
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not await _seen(consumer, changelog, item):
                    if process.returncode is not None:
                        raise RuntimeError(f"the indexer ended with {process.returncode}")
            return time.monotonic() - began
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _seen(consumer: Any, changelog: TopicPartition, item: bytes) -> bool:
    fetched = await consumer.getmany(changelog, timeout_ms=100)
    return any(record.key == item for record in fetched.get(changelog, []))


async def _publish(connection: Mapping[str, Any], topic: str, item: bytes) -> None:
    event = {"item_id": item.decode(), "timestamp": time.time_ns() // 1_000_000, "features": {}}
    producer = AIOKafkaProducer(**connection)
    await producer.start()
    try:
        await producer.send_and_wait(topic, msgspec.json.encode(event), key=item, partition=0)
    finally:
        await producer.stop()


def _environment(kafka: KafkaSettings, folder: Path) -> dict[str, str]:
    ours = {
        "SVQ_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SVQ_KAFKA__PREFIX": kafka.prefix,
        "SVQ_INDEXER__FOLDER": str(folder),
        "SVQ_CONFIG": os.devnull,
    }
    return {**os.environ, **ours}


async def _fill(connection: Mapping[str, Any], topics: Topics, rows: int) -> None:
    """Items, where they are filed, and what that adds up to."""
    await write_rows(connection, TopicPartition(topics.items_changelog, 0), item_rows(rows))
    await write_rows(connection, TopicPartition(topics.item_index_changelog, 0), index_rows(rows))
    rng = random.Random(1)  # noqa: S311
    counts = Counter(rng.randrange(CODES) for _ in range(rows))
    shares = [Record(b"%d" % code, encode(ClusterRow(items, 0, 0))) for code, items in counts.items()]
    await write_rows(connection, TopicPartition(topics.clusters_changelog, 0), shares)
