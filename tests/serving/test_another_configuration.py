"""The configuration of the model changes under a server that answers: it goes over to it in one piece, and goes on."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from pipeline.batch import Batch
from pipeline.changes import Changes
from pipeline.config import Feature, Task
from pipeline.learner import Learner
from pipeline.migration import migrate
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from schemas.versions import Version
from serving import anew, follower, model_follower
from serving.anew import Whole
from tables.errors import StalledError
from tests.serving.conftest import Running, publish, running, until
from tests.serving.world import World, merged

LIKE, BRAND = Task("like"), Feature("brand", "item", "categorical", dim=4)


@pytest.fixture
def kept(world: World) -> tuple[Changes, Changes, Version]:
    """All parameters and state of the world, and the version that published them."""
    parameters, state = world.learner.take_changes()
    number = world.number = world.number + 1
    return parameters, state, Version(parameters, commit_of(world, number), world.config)


def commit_of(world: World, number: int) -> Any:
    empty = world.copied(world.topics).version().commit
    return msgspec.structs.replace(empty, version=number)


async def answers(server: Running) -> list[dict[str, Any]]:
    # By the tasks that there were: by default every task counts.
    return [await server.ask(user_id=f"u{n}", tasks={"click": 1, "watch": 1}, k=50) for n in range(5)]


def ranked(found: list[dict[str, Any]]) -> list[list[str]]:
    return [[item["id"] for item in answer["items"]] for answer in found]


async def test_a_server_goes_over_to_another_configuration_and_answers_all_the_while(
    world: World, kept: tuple[Changes, Changes, Version], server_settings: Settings
) -> None:
    parameters, state, first = kept
    tables = [*world.item_records(), *world.index_records(), *world.history_records(), *world.cluster_records()]
    await publish(server_settings, [*tables, *world.version_records(first)])
    more = replace(world.config, tasks=(*world.config.tasks, LIKE), features=(*world.config.features, BRAND))
    done = migrate(parameters, state, world.config, more)
    number = first.commit.version + 1
    second = Version(
        done.parameters, msgspec.structs.replace(first.commit, version=number, config_hash=more.hash()), more
    )
    async with running(server_settings) as server:
        await server.ready()
        before = await answers(server)

        async def asked_until(version: int) -> None:
            async def there() -> bool:
                assert not server.task.done()
                return (await server.ask(user_id="u1"))["version"] == version

            await until(there, f"version {version} is served")

        asked = asyncio.create_task(asked_until(number))
        await publish(server_settings, world.version_records(second))
        await asked
        assert ranked(await answers(server)) == ranked(before)
        assert (
            await server.client.post("/v1/retrieve", json={"user_id": "u1", "tasks": {"like": 1}})
        ).status_code == 200

        learner = Learner(more, strict=False)
        learner.restore(merged(parameters, done.parameters), state.merge(done.state))
        for step in range(3):
            learner.step(liked(more.batch, step))
            changes, _ = learner.take_changes()
            number += 1
            following = Version(changes, msgspec.structs.replace(second.commit, version=number), more)
            # Without the configuration, as a trainer publishes what follows.
            await publish(server_settings, world.version_records(following)[1:])
        await asked_until(number)
        assert not server.task.done()


def liked(rows: int, step: int) -> Batch:
    rng = np.random.default_rng(step)
    items, users = rng.integers(0, 300, rows).tolist(), rng.integers(0, 60, rows).tolist()
    return Batch(
        [f"u{user}" for user in users],
        [f"i{item}" for item in items],
        np.ones((rows, 3), np.float32),
        item_features=[{"genre": f"g{item % 8}", "brand": f"b{item % 5}"} for item in items],
    )


async def test_what_another_reader_took_is_not_taken_again_by_one_that_is_behind(
    world: World,
    kept: tuple[Changes, Changes, Version],
    server_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parameters, state, first = kept
    more = replace(world.config, tasks=(*world.config.tasks, LIKE))
    done = migrate(parameters, state, world.config, more)
    learner = Learner(more, strict=False)
    learner.restore(merged(parameters, done.parameters), state.merge(done.state))
    hash_of_more, behind = more.hash(), 0

    def version(number: int, changes: Changes) -> Version:
        commit = msgspec.structs.replace(first.commit, version=number, config_hash=hash_of_more)
        return Version(changes, commit, more)

    async def read(kafka: KafkaSettings, topic: str, stall_s: float) -> Whole:
        nonlocal behind
        number = first.commit.version + 1
        await publish(server_settings, 200 * world.history_records())  # for the reader to be busy with
        for step in range(3):
            learner.step(liked(more.batch, step))
            number += 1
            await publish(server_settings, world.version_records(version(number, learner.take_changes()[0]))[1:])
        whole = await anew.read_anew(kafka, topic, stall_s)
        assert whole.commit.version == number
        behind = (await lag_and_version(server))[0]
        monkeypatch.setattr(follower, "POLL_RECORDS", 10)
        return whole

    monkeypatch.setattr(model_follower, "read_anew", read)
    await publish(server_settings, [*world.item_records(), *world.version_records(first)])
    async with running(server_settings) as server:
        await server.ready()
        monkeypatch.setattr(follower, "POLL_RECORDS", 1)
        await publish(server_settings, world.version_records(version(first.commit.version + 1, done.parameters)))
        served: list[int] = []

        async def caught_up() -> bool:
            assert not server.task.done()
            lag, number = await lag_and_version(server)
            served.append(number)
            return lag == 0 and number == first.commit.version + 4

        await until(caught_up, "the last version is served, and all of it is read")
    assert behind > 0
    assert served == sorted(served)


async def test_a_version_that_does_not_come_is_not_waited_for_for_ever(server_settings: Settings) -> None:
    with pytest.raises(StalledError, match="no version of another configuration"):
        await anew.read_anew(server_settings.kafka, server_settings.topics.parameters, stall_s=0.5)


async def lag_and_version(server: Running) -> tuple[int, int]:
    stats = await server.stats()
    (lag,) = [topic["lag"] for topic in stats["readiness"]["topics"] if topic["topic"].endswith("-parameters")]
    return lag, stats["version"]
