"""Rows an indexer writes a second, through `candidates` and `assignments`, beside producing as many rows raw."""

import asyncio
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import numpy as np
from aiokafka import TopicPartition

from benchmarks.restore import index_rows, item_rows, write_rows
from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, Spread
from infra.speed.drain import drained
from infra.speed.made_topics import topics_of, write_retriever
from infra.speed.process import running
from schemas import assignments
from schemas.assignments import AssignmentBlock
from schemas.kafka import KafkaSettings
from schemas.topics import Topics
from tables.transaction import Record

CODES: Final = 4096
BLOCK: Final = 1000
HALF_LIVES: Final = 4


def measure(conditions: Conditions) -> list[Figure]:
    """One indexer, one partition."""
    return asyncio.run(of_size(conditions, *((50_000, 200) if conditions.quick else (300_000, 1500))))


async def of_size(conditions: Conditions, items: int, blocks: int) -> list[Figure]:
    """So many items through `candidates`, then so many blocks of 1,000 through `assignments`."""
    kafka = KafkaSettings(
        bootstrap_servers=conditions.bootstrap(), prefix=f"bench-{uuid.uuid4().hex[:8]}", partitions=1
    )
    topics = Topics(kafka.prefix)
    folder = conditions.folder / "writes"
    folder.mkdir()
    own = {"SVQ_INDEXER__FOLDER": str(folder / "indexer"), "SVQ_INDEXER__SCAN_INTERVAL_S": "3600"}
    async with topics_of(kafka) as connection:
        await write_retriever(connection, topics, 0, CODES)
        raw = [await _produced(connection, topics.dead_letters, items)]
        candidates, placements = TopicPartition(topics.candidates, 0), TopicPartition(topics.assignments, 0)
        await write_rows(connection, candidates, _candidates(items))
        with running(kafka, "indexer", folder, own) as indexer:
            candidate_rows = await drained(connection, topics.indexer_app, candidates, items, indexer)
        await write_rows(connection, placements, _blocks(blocks, items))
        with running(kafka, "indexer", folder, own) as indexer:
            block_rate = await drained(connection, topics.indexer_app, placements, blocks, indexer)
        raw.append(await _produced(connection, topics.dead_letters, items))
    settings = {"items": items, "codes": CODES, "rows_a_block": BLOCK}
    return [
        _figure(
            "candidate_rows_vs_produce", "items through `candidates`, two rows each", candidate_rows, raw, settings
        ),
        _figure("assignment_rows_vs_produce", "rows through `assignments`", block_rate * BLOCK, raw, settings),
    ]


def _figure(name: str, what: str, rate: float, raw: list[float], settings: Mapping[str, Any]) -> Figure:
    theirs = Spread.of(raw)
    rival = "rows of `item_index` by aiokafka alone, in transactions of 1,000"
    return Figure(name, what, rival, "rows/s", Spread.once(rate), theirs, rate / theirs.p50, settings)


async def _produced(connection: Mapping[str, Any], topic: str, rows: int) -> float:
    made = list(index_rows(rows))
    began = time.monotonic()
    await write_rows(connection, TopicPartition(topic, 0), made)
    return rows / (time.monotonic() - began)


def _candidates(items: int) -> Iterator[Record]:
    now = time.time_ns() // 1_000_000
    for row in item_rows(items):
        plain = msgspec.json.decode(row.value or b"")
        event = {
            "item_id": (row.key or b"").decode(),
            "timestamp": now,
            "features": {"category": plain["features"]["category"][0], "price": plain["features"]["price"]},
            "attributes": plain["attributes"],
        }
        yield Record(row.key, msgspec.json.encode(event))


def _blocks(blocks: int, items: int) -> Iterator[Record]:
    """Placements as a trainer sends them: a few popular items again and again, others now and then."""
    rng = np.random.default_rng(0)
    version = (time.time_ns() // 1_000_000) << 20
    for number in range(blocks):
        chosen = np.unique((rng.random(2 * BLOCK) ** 2 * items).astype(np.int64))
        chosen = rng.permutation(chosen)[:BLOCK]
        block = AssignmentBlock(
            version + number,
            number,
            [f"item-{n:09d}" for n in chosen.tolist()],
            rng.integers(CODES, size=(len(chosen), 1)).astype(np.int32),
            rng.normal(size=(len(chosen), 1)).astype(np.float32),
            rng.normal(9, 2, (len(chosen), HALF_LIVES)),
            np.ones(len(chosen), np.uint32),
        )
        yield Record(None, assignments.encode(block))
