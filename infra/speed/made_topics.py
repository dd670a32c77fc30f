"""A whole retriever's topics, written as trainer and indexers would have: model, items, index, clusters."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import numpy as np
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from streamvq_client.rows import ClusterRow, ItemIndexRow, ItemRow, encode

from benchmarks.restore import write_rows
from pipeline.config import Feature, ModelConfig, Task
from pipeline.learner import Batch, Learner
from schemas.kafka import KafkaSettings
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, Commit, encode_commit, encode_config, records_of
from schemas.topics import Topics
from tables.transaction import Record

CATEGORIES: Final = 2_000
HALF_LIVES: Final = 4


class Made(NamedTuple):
    """What was written: items, codes, records to read again, and bytes of rows of items and index."""

    items: int
    codes: int
    records: int
    bytes: int


@asynccontextmanager
async def topics_of(kafka: KafkaSettings) -> AsyncIterator[Mapping[str, Any]]:
    """All topics of a prefix, gone afterwards; the arguments of a connection."""
    connection = {"bootstrap_servers": kafka.bootstrap_servers.split(",")}
    specs = Topics(kafka.prefix).specs(kafka)
    admin = AIOKafkaAdminClient(**connection)
    await admin.start()
    try:
        made = [NewTopic(spec.name, spec.partitions, 1, topic_configs=spec.config) for spec in specs]
        await admin.create_topics(made)
        yield connection
        await admin.delete_topics([spec.name for spec in specs])
    finally:
        await admin.close()


async def write_retriever(connection: Mapping[str, Any], topics: Topics, items: int, codes: int) -> Made:
    """One partition of everything."""
    rng = np.random.default_rng(0)
    shares_k = rng.lognormal(0.0, 1.0, codes)
    clusters = rng.choice(codes, items, p=shares_k / shares_k.sum()).tolist()
    now = time.time_ns() // 1_000_000
    parameters = _parameters(codes, now)
    written = {
        topics.parameters: parameters,
        topics.items_changelog: (Record(b"item-%d" % n, encode(_item(n, now))) for n in range(items)),
        topics.item_index_changelog: (
            Record(b"item-%d" % n, encode(_filed(cluster, bias, now)))
            for n, (cluster, bias) in enumerate(zip(clusters, rng.normal(0, 0.5, items).tolist(), strict=True))
        ),
        topics.clusters_changelog: [
            Record(b"%d" % code, encode(ClusterRow(count, count, now))) for code, count in Counter(clusters).items()
        ],
    }
    sizes = {topic: await write_rows(connection, TopicPartition(topic, 0), rows) for topic, rows in written.items()}
    of_items = sizes[topics.items_changelog] + sizes[topics.item_index_changelog]
    return Made(items, codes, len(parameters) + 2 * items + codes, of_items)


def _item(number: int, now: int) -> ItemRow:
    features = {"category": f"c{number % CATEGORIES}", "price": 1.0 + number % 100}
    return ItemRow(features, {"title": f"Item {number} of the collection", "lang": "en"}, published=now)


def _filed(cluster: int, bias: float, now: int) -> ItemIndexRow:
    return ItemIndexRow([cluster], [bias], [9.0 + bias] * HALF_LIVES, 10, now << 20, now, now)


def _parameters(codes: int, now: int) -> list[Record]:
    """A version of a model that has learnt a little, with a codebook of random unit vectors."""
    features = (
        Feature("category", "item", "categorical"),
        Feature("price", "item", "numeric"),
        Feature("country", "user", "categorical"),
    )
    config = ModelConfig(tasks=(Task("click"),), features=features, codes=codes)
    learner, rng = Learner(config), np.random.default_rng(1)
    for _ in range(3):
        numbers = rng.integers(100_000, size=config.batch).tolist()
        users, names = [f"user-{n % 5000}" for n in numbers], [f"item-{n}" for n in numbers]
        given = [_item(n, now).features for n in numbers]
        learner.step(Batch(users, names, np.ones((config.batch, 1), np.float32), item_features=given))
    parameters, _ = learner.take_changes()
    vectors = rng.standard_normal((codes, config.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    parameters.put("codebook", [str(k) for k in range(codes)], np.column_stack((vectors, np.ones(codes, np.float32))))
    parameters.dense["codebook.size"] = np.array([codes], np.int64)
    commit = Commit(version=now << 20, clock=learner.clock, offsets={}, config_hash=config.hash(), time_ms=now)
    records = [(CONFIG_KEY, encode_config(config)), *records_of(parameters), (COMMIT_KEY, encode_commit(commit))]
    return [Record(key, value) for key, value in records]
