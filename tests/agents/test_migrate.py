"""`svq migrate` on a real Kafka: all of it or nothing, never beside a trainer, and learning goes on behind it."""

import asyncio
import json
import os
import random
import signal
from typing import Any

import numpy as np
import pytest

from agents import migration
from agents.migration import carry_out, plan
from agents.trainer_state import Stored, load
from infra import cli
from pipeline.changes import Changes
from pipeline.migration import Migration
from pipeline.reconfiguration import Effect
from schemas import tensors
from schemas.errors import FencedError, SettingsError
from schemas.kafka import connection
from schemas.retriever import FeatureSettings, FeaturesSettings, TaskSettings
from schemas.settings import Settings
from tables.progress import Progress
from tests.agents.trainer_process import (
    PROCESSES,
    SMALL,
    counted,
    events_of,
    last_commit,
    publish,
    small,
    started,
    until_learnt,
)

pytestmark = pytest.mark.timeout(300)

COLOUR = FeaturesSettings(user={"country": FeatureSettings(kind="categorical", dim=4)})


def wider(settings: Settings) -> Settings:
    """The same with a task and a feature more, the new task first."""
    return settings.model_copy(update={"tasks": {"like": TaskSettings(), **settings.tasks}, "features": COLOUR})


async def stored_in(settings: Settings) -> Stored:
    found = await load(connection(settings.kafka), settings.topics, 30.0, Progress())
    assert found is not None
    return found


def die_before_the_commit(settings: str) -> None:
    """A process that migrates, and is killed when everything but the end of the transaction is written."""

    async def publish(producer: Any, records: Any, offsets: Any, group: str) -> None:
        await producer.begin_transaction()
        for source, rows in records.items():
            for row in rows:
                await producer.send(source.topic, row.value, row.key, source.partition)
        await producer.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    migration.publish = publish  # type: ignore[assignment]
    asyncio.run(carry_out(Settings.model_validate_json(settings), print))


async def test_a_feature_and_a_task_more_keep_what_was_learnt(
    settings_with_topics: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = small(settings_with_topics)
    more = wider(settings)
    records = events_of(random.Random(3), 80)  # noqa: S311
    with started(settings) as trainer:
        await publish(settings, records[:60])
        await until_learnt(trainer, settings, 1200)
        assert (await plan(more)).effect is Effect.KEPT  # beside a trainer at work
        impatient = more.model_copy(update={"trainer": more.trainer.model_copy(update={"session_timeout_s": 6})})
        with pytest.raises(FencedError, match=r"a trainer is at work .* Nothing was changed"):
            await carry_out(impatient, print)
        assert trainer.stop() == 0, trainer.log
    before = await stored_in(settings)

    killed = PROCESSES.Process(target=die_before_the_commit, args=(more.model_dump_json(),))
    killed.start()
    await asyncio.to_thread(killed.join, 90)
    assert killed.exitcode == -signal.SIGKILL
    same = await stored_in_spite_of(settings)
    assert same.commit == before.commit
    assert same.config == before.config

    for name, value in more.environment().items():
        monkeypatch.setenv(name, value)
    assert await asyncio.to_thread(cli.run, ["migrate", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "kept   tasks.like: nothing -> binary" in said
    assert "kept   features.user.country: nothing -> categorical, dim 4" in said
    assert "to carry it out: stop the trainer, then svq migrate" in said
    assert await asyncio.to_thread(cli.run, ["migrate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["migrated"]
    after = await stored_in(settings)
    assert after.commit.offsets == before.commit.offsets
    assert (after.commit.clock, after.config_hash) == (before.commit.clock, after.commit.config_hash)
    assert [task.name for task in after.config.tasks] == ["click", "like"]
    assert await asyncio.to_thread(cli.run, ["migrate"]) == 0
    assert "nothing to do" in capsys.readouterr().out

    with started(settings) as trainer:  # with the settings of before
        assert trainer.wait(90) == SettingsError.exit_code, trainer.log
        assert "svq migrate --dry-run" in trainer.log
    with started(more) as trainer:
        told = {"labels": {"click": 1.0, "like": 1.0}, "user": {"country": "DE"}}
        liked = [(user, [event | told for event in events]) for user, events in records[60:]]
        await publish(more, liked)
        await until_learnt(trainer, more, 1600)
        assert trainer.stop() == 0, trainer.log
    learnt = await stored_in(settings)
    assert "DE" in learnt.parameters.rows["user-country"][0] or "user-country" in learnt.state.rows
    assert (await counted(settings)).total() == 1600


async def stored_in_spite_of(settings: Settings) -> Stored:
    """What readers see behind a transaction that nobody ended: its owner's next start does."""
    with pytest.raises(SettingsError, match=r"model\.dim is 8 .* nothing was changed"):
        await carry_out(settings.model_copy(update={"model": SMALL.model_copy(update={"dim": 8})}), print)
    return await stored_in(settings)


async def test_there_is_nothing_to_migrate_before_anything_was_learnt(settings_with_topics: Settings) -> None:
    found = await carry_out(small(settings_with_topics), print)
    assert found.stored is None
    assert await last_commit(settings_with_topics) is None


def test_parts_of_tensors_that_became_shorter_or_are_gone_get_tombstones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "CHUNK_BYTES", 16)
    stored = Changes(
        dense={"a.long": np.zeros(20, np.float32), "a.gone": np.zeros(8, np.float32), "a.same": np.ones(4)}
    )
    done = Migration(
        parameters=Changes(dense={"a.long": np.zeros(9, np.float32)}), gone={"a.gone": stored.dense["a.gone"]}
    )
    keys = [key for key, value in migration._leftover(done, done.parameters, stored) if value is None]
    assert keys == [b"a.long/3", b"a.long/4", b"a.gone/0", b"a.gone/1"]
