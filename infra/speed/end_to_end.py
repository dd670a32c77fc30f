"""Exposures a second from Kafka to a committed version, beside the core of the same trainer without Kafka."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from typing import Final

import msgspec
import torch
from aiokafka import TopicPartition
from streamvq_client.rows import ItemRow, encode

from benchmarks.restore import write_rows
from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, Spread
from infra.load.world import World
from infra.speed.core import LINES, SETTINGS, Core
from infra.speed.drain import drained
from infra.speed.made_topics import topics_of
from infra.speed.process import running
from schemas.kafka import KafkaSettings
from schemas.settings import load_settings
from schemas.topics import Topics
from tables.transaction import Record

CORE_STEPS: Final = 24
WARM_STEPS: Final = 9


def measure(conditions: Conditions) -> list[Figure]:
    """One trainer, one partition, visits of 20 exposures; the core before and after it, by the wall clock."""
    sizes = (20_000, 50_000, 100_000) if conditions.quick else (100_000, 200_000, 400_000)
    return of_size(conditions, *sizes)


def of_size(conditions: Conditions, users: int, items: int, events: int) -> list[Figure]:
    """So many exposures of so many users and items."""
    before = _core(users, items)
    rate = asyncio.run(_from_kafka(conditions, users, items, events))
    core = Spread.of([before, _core(users, items)])
    return [
        Figure(
            "end_to_end_vs_core",
            "exposures from Kafka to a committed version",
            "core of a trainer, records in, records out",
            "exposures/s",
            Spread.once(rate),
            core,
            rate / core.p50,
            {"users": users, "items": items, "lines_a_record": LINES, "threads": 1, "clock": "wall"},
        )
    ]


def _core(users: int, items: int) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    core = Core(users, items)
    core.run(core.records(WARM_STEPS))
    records = core.records(CORE_STEPS)
    began = time.perf_counter()
    core.run(records)
    torch.set_num_threads(threads)
    return CORE_STEPS * core.config.batch / (time.perf_counter() - began)


async def _from_kafka(conditions: Conditions, users: int, items: int, events: int) -> float:
    kafka = KafkaSettings(
        bootstrap_servers=conditions.bootstrap(), prefix=f"bench-{uuid.uuid4().hex[:8]}", partitions=1
    )
    topics, world = Topics(kafka.prefix), World(users, items, items, seed=0)
    folder = conditions.folder / "end-to-end"
    folder.mkdir()
    codes = load_settings(SETTINGS).model_config_core().codes_for(items)
    model = {"CODES": str(codes), "START_STEPS": "1", "START_EXPOSURES": "1", "START_LATEST": "2"}
    own = {
        "SVQ_CONFIG": str(SETTINGS),
        "SVQ_TRAINER__FOLDER": str(folder / "trainer"),
        **{f"SVQ_MODEL__{name}": value for name, value in model.items()},
    }
    async with topics_of(kafka) as connection:
        await write_rows(connection, TopicPartition(topics.items_changelog, 0), _items(world))
        exposures = TopicPartition(topics.exposures, 0)
        await write_rows(connection, exposures, _visits(world, events // LINES))
        with running(kafka, "trainer", folder, own) as trainer:
            return LINES * await drained(connection, topics.trainer_app, exposures, events // LINES, trainer)


def _items(world: World) -> Iterator[Record]:
    for number in world.on_offer:
        item = world.item_id(number)
        event = msgspec.json.decode(world.candidate(item, 0))
        yield Record(item.encode(), encode(ItemRow(event["features"], event["attributes"], 0)))


def _visits(world: World, records: int) -> Iterator[Record]:
    now = time.time_ns() // 1_000_000
    for number in range(records):
        visit = world.visit(now + number, LINES)
        yield Record(visit.user_id.encode(), visit.value)
