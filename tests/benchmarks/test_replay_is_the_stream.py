"""A replay without Kafka learns what a trainer learns from the same events in Kafka, to the bit."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer
from streamvq_client.rows import ItemRow, encode

from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from infra.topics import create_topics
from schemas.eligible import EligibleSettings
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, records_of
from schemas.retriever import FeatureSettings, FeaturesSettings, TaskSettings
from schemas.settings import Settings
from tests.agents.trainer_process import SMALL, publish, small, started, until_learnt
from tests.tables.kafka_state import read_rows

pytestmark = pytest.mark.timeout(300)

START = 1_700_000_000_000
NEVER_MS = 600_000  # no batch is cut short: where it is cut would depend on the clock
RECORDS, PER_RECORD = 256, 5  # records of one user each; batches of 64 end inside records
FEATURES = FeaturesSettings(
    user={"country": FeatureSettings(kind="categorical", dim=4)},
    item={"genre": FeatureSettings(kind="multi", dim=4), "price": FeatureSettings(kind="numeric")},
)


@dataclass
class Sample:
    """The same events as a set and as what an application publishes."""

    set: Interactions
    records: list[tuple[str, Any]]


def sample(settings: Settings) -> Sample:
    """Ties in time, labels that are missing, two tasks, features of both sides; all items published before."""
    rng = random.Random(5)  # noqa: S311
    config = settings.model_config_core()
    users, items = [f"u{n}" for n in range(60)], [f"i{n}" for n in range(200)]
    countries = [{"country": rng.choice("abc")} for _ in users]
    described = [{"genre": rng.sample("vwxyz", 2), "price": float(rng.randrange(9))} for _ in items]
    records, rows = [], []
    for number in range(RECORDS):
        user, events = rng.randrange(60), []
        for place in range(PER_RECORD):
            item, time = min(int(rng.paretovariate(0.8)), 199), START + 1000 * number + place // 2
            labels = {"click": float(rng.random() < 0.4)} | ({"like": 1.0} if rng.random() < 0.2 else {})
            events.append({"user_id": users[user], "item_id": items[item], "timestamp": time, "labels": labels})
            events[-1]["user"] = countries[user]
            rows.append((user, item, time, labels.get("click"), labels.get("like", np.nan)))
        records.append((users[user], events))
    user_n, item_n, time_n, clicks, likes = map(np.array, zip(*rows, strict=True))
    return Sample(
        Interactions(
            "sample", users, items, user_n.astype(np.int32), item_n.astype(np.int32), time_n.astype(np.int64),
            config.tasks, np.column_stack((clicks, likes)).astype(np.float32),
            START - 1000 * np.arange(len(items), 0, -1),
            config.features, countries, described,
        ),
        records,
    )  # fmt: skip


async def publish_items(settings: Settings, set_: Interactions) -> None:
    """Rows of the table `items`, as the indexer leaves them in its changelog."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers)
    await producer.start()
    try:
        for name, features, published in zip(set_.items, set_.item_features, set_.published_m.tolist(), strict=True):
            row = encode(ItemRow(dict(features), {}, published=published))
            await producer.send(settings.topics.items_changelog, row, key=name.encode(), partition=0)
    finally:
        await producer.stop()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("max_age_s", [None, 300])
async def test_a_replay_learns_what_the_trainer_learns(settings: Settings, max_age_s: int | None) -> None:
    """Even where most items become too old on the way, and are no negatives then."""
    one = settings.kafka.model_copy(update={"partitions": 1})
    eligible = EligibleSettings(max_age_days=max_age_s and max_age_s / 86_400)
    told = {
        "kafka": one, "eligible": eligible, "features": FEATURES,
        "tasks": {"click": TaskSettings(), "like": TaskSettings()},
    }  # fmt: skip
    settings = small(settings.model_copy(update=told), batch_deadline_ms=NEVER_MS)
    given = sample(settings)
    assert len(given.set) % SMALL.batch == 0
    await create_topics(settings)
    await publish_items(settings, given.set)
    with started(settings) as trainer:
        await publish(settings, given.records)
        await until_learnt(trainer, settings, len(given.set))
    replay = Replay(given.set, settings.model_config_core(), {}, eligible=eligible.rule())
    replay.run()
    drawn = replay.learner.catalogue.drawn
    assert drawn == len(given.set.items) if max_age_s is None else 0 < drawn < len(given.set.items) / 2
    assert replay.learner.model.codebook.n_codes == SMALL.codes
    assert replay.items.empty_codes() == []  # nothing moved by what only indexers tell a trainer
    for changes, topic in zip(
        replay.learner.take_changes(), (settings.topics.parameters, settings.topics.trainer_state), strict=True
    ):
        rows = await read_rows(settings.kafka.bootstrap_servers, topic, [0])
        streamed = {key: value for (_, key), value in rows.items() if key not in {COMMIT_KEY, CONFIG_KEY}}
        replayed = dict(records_of(changes))
        assert streamed.keys() == replayed.keys()
        assert [key for key in streamed if streamed[key] != replayed[key]] == []
