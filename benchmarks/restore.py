"""How fast a partition's tables come back from Kafka, beside how fast they can be read at all.

Rows of `items` and of `item_index` are written into changelogs of this measurement's own, read the raw way (`getmany`,
and nothing done with them), and restored into RocksDB. `svq bench restore` prints it.
"""

import random
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from streamvq_client.rows import ItemIndexRow, ItemRow, encode

from tables.app import App, add_table, create_app
from tables.config import WorkerConfig
from tables.offsets import reader
from tables.progress import Progress
from tables.restore import FETCH_BYTES, MAX_RECORDS, restore_tables
from tables.transaction import MAX_BATCH_BYTES, Record, publish

CODES: Final = 16_384
STEP_ROWS: Final = 1000
"""Rows of one transaction, as a busy indexer writes them."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was measured: rows and MiB over all tables, seconds for reading them raw and for restoring them.

    `restore_cpu_s` is processor time of all threads, which says more where others work on the machine.
    """

    rows: int
    mib: float
    raw_s: float
    restore_s: float
    restore_cpu_s: float
    rows_a_second: float
    ratio_to_raw: float


async def measure(bootstrap: str, rows: int, folder: Path) -> Restored:
    """Write `rows` rows a table, then read and restore them; the topics are gone afterwards."""
    connection = {"bootstrap_servers": [bootstrap]}
    group = f"restore-{uuid.uuid4().hex[:8]}"
    async with _changelogs(connection, group):
        written = 0
        for table in ROWS_OF:
            written += await write_rows(
                connection, TopicPartition(f"{group}-{table}-changelog", 0), ROWS_OF[table](rows)
            )
        app = _app(connection, group, folder)
        raw_s, ends = await read_raw(connection, [table.changelog(0) for table in app.shards.tables])
        started, cpu = time.monotonic(), time.process_time()
        for table in app.shards.tables:
            table.open(0)
        await restore_tables(connection, app.shards.tables, [0], ends, 600, Progress())
        restore_s, cpu_s = time.monotonic() - started, time.process_time() - cpu
        for table in app.shards.tables:
            table.release(0)
    total = rows * len(ROWS_OF)
    return Restored(total, round(written / 2**20, 1), raw_s, restore_s, cpu_s, total / restore_s, raw_s / restore_s)


@asynccontextmanager
async def _changelogs(connection: Mapping[str, Any], group: str) -> AsyncIterator[None]:
    names = [f"{group}-{table}-changelog" for table in ROWS_OF]
    admin = AIOKafkaAdminClient(**connection)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1, topic_configs={"cleanup.policy": "compact"}) for name in names])
        yield
        await admin.delete_topics(names)
    finally:
        await admin.close()


async def write_rows(connection: Mapping[str, Any], changelog: TopicPartition, rows: Iterable[Record]) -> int:
    """Rows in transactions, as steps write them; how many bytes."""
    producer = AIOKafkaProducer(
        **connection, transactional_id=changelog.topic, max_batch_size=MAX_BATCH_BYTES, acks="all", retry_backoff_ms=3
    )
    await producer.start()
    written = 0
    try:
        for step in _steps(rows):
            await publish(producer, {changelog: step}, {}, "")
            written += sum(len(record.key or b"") + len(record.value or b"") for record in step)
    finally:
        await producer.stop()
    return written


def _steps(records: Iterable[Record]) -> Iterator[list[Record]]:
    step: list[Record] = []
    for record in records:
        step.append(record)
        if len(step) == STEP_ROWS:
            yield step
            step = []
    if step:
        yield step


def item_rows(rows: int) -> Iterator[Record]:
    """Rows of `items`, some 250 bytes each."""
    rng = random.Random(0)  # noqa: S311
    for number in range(rows):
        title = f"Product {number} of the spring collection, in {rng.choice(('red', 'green', 'blue'))}"
        features = {
            "category": [f"c{rng.randrange(2000)}", f"c{rng.randrange(50)}"],
            "price": round(rng.random() * 99, 2),
        }
        attributes = {"title": title, "lang": "en", "in_stock": True, "image": f"https://cdn.example.com/{number}.jpg"}
        yield Record(b"item-%09d" % number, encode(ItemRow(features, attributes, published=1_700_000_000_000 + number)))


def index_rows(rows: int) -> Iterator[Record]:
    """Rows of `item_index`, some 200 bytes each; clusters are drawn first."""
    rng = random.Random(1)  # noqa: S311
    clusters = [rng.randrange(CODES) for _ in range(rows)]
    for number in range(rows):
        row = ItemIndexRow(
            clusters=[clusters[number]],
            bias=[rng.gauss(0, 1), rng.gauss(0, 1)],
            popularity=[rng.gauss(9, 2) for _ in range(3)],
            exposures=rng.randrange(10_000),
            version=(1_700_000_000_000 << 20) + number,
            time=1_700_000_000_000 + number,
            published=1_700_000_000_000,
        )
        yield Record(b"item-%09d" % number, encode(row))


ROWS_OF: Final = {"items": item_rows, "item_index": index_rows}


def _app(connection: Mapping[str, Any], group: str, folder: Path) -> App:
    config = WorkerConfig(group=group, connection=connection, folder=folder, sources=("unused",), partitions=1)
    app = create_app(config)
    for table in ROWS_OF:
        add_table(app, table)
    app.finalize()
    return app


async def read_raw(
    connection: Mapping[str, Any], partitions: Sequence[TopicPartition]
) -> tuple[float, dict[TopicPartition, int]]:
    """Seconds to read everything with aiokafka alone, settings as the restore's own; and where it ended."""
    async with reader(connection, max_partition_fetch_bytes=FETCH_BYTES) as consumer:
        ends = dict(await consumer.end_offsets(partitions))
        consumer.assign(list(ends))
        await consumer.seek_to_beginning()
        started = time.monotonic()
        while [tp for tp, end in ends.items() if await consumer.position(tp) < end]:
            await consumer.getmany(timeout_ms=100, max_records=MAX_RECORDS)
        return time.monotonic() - started, ends
