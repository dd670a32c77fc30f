"""A replay without Kafka learns what a trainer learns from the same events in Kafka, to the bit."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from streamvq_client.rows import ItemRow

from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from infra.topics import create_topics
from schemas.eligible import EligibleSettings
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, records_of
from schemas.settings import Settings
from tests.agents.trainer_process import SMALL, publish, small, started, until_learnt
from tests.agents.varied_stream import FEATURES, TASKS, items_of, publish_items, varied
from tests.tables.kafka_state import read_rows

pytestmark = pytest.mark.timeout(300)

NEVER_MS = 600_000  # no batch is cut short: where it is cut would depend on the clock
RECORDS, PER_RECORD = 256, 5  # records of one user each; batches of 64 end inside records
SHORT_RECORDS, SHORT = 50, 12  # records that each make a batch of their own, since the next one comes later


@dataclass
class Sample:
    """The same events as a set and as what an application publishes."""

    set: Interactions
    items: dict[str, ItemRow]
    records: list[tuple[str, Any]]


def sample(settings: Settings, count: int = RECORDS, size: int = PER_RECORD) -> Sample:
    """Ties in time, labels that are missing, two tasks, features of both sides; all items published before."""
    rng = random.Random(5)  # noqa: S311
    config, described, records = settings.model_config_core(), items_of(rng), varied(rng, count, size)
    events = [event for _, several in records for event in several]
    users, items = sorted({event["user_id"] for event in events}), list(described)
    user_at, item_at = ({name: n for n, name in enumerate(names)} for names in (users, items))
    countries = {event["user_id"]: event["user"] for event in events}
    labels = [[event["labels"].get(task.name, np.nan) for task in config.tasks] for event in events]
    return Sample(
        Interactions(
            "sample",
            users,
            items,
            np.array([user_at[event["user_id"]] for event in events], np.int32),
            np.array([item_at[event["item_id"]] for event in events], np.int32),
            np.array([event["timestamp"] for event in events], np.int64),
            config.tasks,
            np.array(labels, np.float32),
            np.array([row.published for row in described.values()]),
            config.features,
            [countries[user] for user in users],
            [row.features for row in described.values()],
        ),
        described,
        records,
    )


def described(settings: Settings, batch_deadline_ms: int, **told: Any) -> Settings:
    """Two tasks, features of both sides, one partition."""
    kafka = settings.kafka.model_copy(update={"partitions": 1})
    told = {"kafka": kafka, "features": FEATURES, "tasks": TASKS, **told}
    return small(settings.model_copy(update=told), batch_deadline_ms=batch_deadline_ms)


async def assert_the_same(replay: Replay, settings: Settings) -> None:
    """What the learner of a replay holds, and what a trainer left in Kafka."""
    for changes, topic in zip(
        replay.learner.take_changes(), (settings.topics.parameters, settings.topics.trainer_state), strict=True
    ):
        rows = await read_rows(settings.kafka.bootstrap_servers, topic, [0])
        streamed = {key: value for (_, key), value in rows.items() if key not in {COMMIT_KEY, CONFIG_KEY}}
        replayed = dict(records_of(changes))
        assert streamed.keys() == replayed.keys()
        assert [key for key in streamed if streamed[key] != replayed[key]] == []


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("max_age_s", [None, 300])
async def test_a_replay_learns_what_the_trainer_learns(settings: Settings, max_age_s: int | None) -> None:
    """Even where most items become too old on the way, and are no negatives then."""
    eligible = EligibleSettings(max_age_days=max_age_s and max_age_s / 86_400)
    settings = described(settings, NEVER_MS, eligible=eligible)
    given = sample(settings)
    assert len(given.set) % SMALL.batch == 0
    await create_topics(settings)
    await publish_items(settings, given.items)
    with started(settings) as trainer:
        await publish(settings, given.records)
        await until_learnt(trainer, settings, len(given.set))
    replay = Replay(given.set, settings.model_config_core(), {}, eligible=eligible.rule())
    replay.run()
    drawn = replay.learner.catalogue.drawn
    assert drawn == len(given.set.items) if max_age_s is None else 0 < drawn < len(given.set.items) / 2
    assert replay.learner.model.codebook.n_codes == SMALL.codes
    assert replay.items.empty_codes() == []  # nothing moved by what only indexers tell a trainer
    await assert_the_same(replay, settings)


@pytest.mark.usefixtures("one_thread")
async def test_short_batches_learn_alike_too(settings: Settings) -> None:
    """A trainer on a quiet stream closes batches by its own clock, a replay by that of the events."""
    model = SMALL.model_copy(update={"start_steps": 2})
    settings = described(settings, 50).model_copy(update={"model": model})
    given = sample(settings, SHORT_RECORDS, SHORT)
    await create_topics(settings)
    await publish_items(settings, given.items)
    with started(settings) as trainer:
        for number, record in enumerate(given.records, start=1):
            await publish(settings, [record])
            await until_learnt(trainer, settings, SHORT * number)
    replay = Replay(given.set, settings.model_config_core(), {}, deadline_s=0.5, reseed_every=0)
    replay.run()
    assert len(replay.boundaries) - 1 == replay.learner.steps == SHORT_RECORDS
    assert replay.learner.model.codebook.n_codes == model.codes
    await assert_the_same(replay, settings)
