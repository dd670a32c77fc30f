"""A stream with something of everything that a trainer keeps: tasks, features of all kinds, repeats, ids that go."""

import random
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from streamvq_client.rows import ItemRow, encode

from schemas.retriever import FeatureSettings, FeaturesSettings, TaskSettings
from schemas.settings import Settings

START = 1_700_000_000_000
TASKS = {"click": TaskSettings(), "like": TaskSettings()}
FEATURES = FeaturesSettings(
    user={"country": FeatureSettings(kind="categorical", dim=4)},
    item={"genre": FeatureSettings(kind="multi", dim=4), "price": FeatureSettings(kind="numeric")},
)
USERS, ITEMS = 60, 400
MOVES_EVERY = 40  # records; then the popular items are others, and what nobody sees any more is forgotten


def items_of(rng: random.Random) -> dict[str, ItemRow]:
    """Items as the indexer leaves them in its table, one published a second before the stream begins."""
    return {
        f"i{n}": ItemRow(
            {"genre": rng.sample("vwxyz", 2), "price": float(rng.randrange(9))}, {}, published=START - 1000 * n
        )
        for n in range(ITEMS)
    }


def varied(rng: random.Random, records: int, size: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """Records of one user each: arrays of exposures with ties in time, missing labels, items that come again."""
    countries = {f"u{n}": rng.choice("abc") for n in range(USERS)}
    made = []
    for number in range(records):
        user, begin = f"u{rng.randrange(USERS)}", number // MOVES_EVERY * 7
        events = []
        for place in range(size):
            labels = {"click": float(rng.random() < 0.4)} | ({"like": 1.0} if rng.random() < 0.2 else {})
            events.append({
                "user_id": user,
                "item_id": f"i{(begin + min(int(rng.paretovariate(0.8)), 120)) % ITEMS}",
                "timestamp": START + 1000 * number + place // 2,
                "labels": labels,
                "user": {"country": countries[user]},
            })  # fmt: skip
        made.append((user, events))
    return made


async def publish_items(settings: Settings, rows: Mapping[str, ItemRow]) -> None:
    """Rows of the table `items`, in the changelog that an indexer would have written."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers)
    await producer.start()
    try:
        for name, row in rows.items():
            await producer.send(settings.topics.items_changelog, encode(row), key=name.encode(), partition=0)
    finally:
        await producer.stop()
