"""`svq export model` and `svq rollback` with a trainer and an indexer at work on a real broker."""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamvq_client.changelog import ChangelogReader
from streamvq_client.rows import decode_cluster, decode_history, decode_item_index

from agents.replica import Replica
from agents.rollback import plan, read_catalogue
from agents.stand_in import stand_in
from agents.stored_version import StoredVersion, read_version
from pipeline.catalogue import Catalogue
from pipeline.learner import Learner
from schemas.arrays import decode_array
from schemas.errors import FencedError
from schemas.kafka import connection
from schemas.model_file import ExportedModel, ModelFileError, read_model
from schemas.parameters import records_of
from schemas.settings import Settings
from tests.agents.index_bench import RUN
from tests.agents.trainer_process import (
    PROCESSES,
    START,
    events_of,
    group_offsets,
    last_commit,
    publish,
    small,
    started,
    until_learnt,
)
from tests.infra.command_line import Command
from tests.tables.chaos import Worker, until
from tests.tables.kafka_state import read_rows

pytestmark = pytest.mark.timeout(400)

DEADLINE_S = 60.0
RECORDS, SIZE = 120, 20


@pytest.fixture
def learning(settings_with_topics: Settings) -> Settings:
    """Topics, and a small model."""
    return small(settings_with_topics)


@pytest.fixture
def indexer(learning: Settings) -> Iterator[Worker]:
    own = {"folder": learning.data / "indexer", "session_timeout_s": 6, "scan_interval_s": 600}
    worker = Worker(
        RUN,
        {
            "SVQ_KAFKA__BOOTSTRAP_SERVERS": learning.kafka.bootstrap_servers,
            "SVQ_KAFKA__PREFIX": learning.kafka.prefix,
            **{f"SVQ_INDEXER__{name.upper()}": str(value) for name, value in own.items()},
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
    )
    yield worker
    worker.end()


async def stored(settings: Settings) -> StoredVersion:
    return await read_version(connection(settings.kafka), settings.topics)


def raw(exported: ExportedModel) -> tuple[dict[bytes, bytes | None], dict[bytes, bytes | None]]:
    return dict(records_of(exported.parameters)), dict(records_of(exported.state))


async def rows(settings: Settings, topic: str) -> dict[tuple[int, bytes], bytes]:
    return await read_rows(settings.kafka.bootstrap_servers, topic, range(settings.kafka.partitions))


async def all_counted(settings: Settings, events: int) -> None:
    counted = 0

    async def done() -> bool:
        nonlocal counted
        shares = await rows(settings, settings.topics.clusters_changelog)
        counted = sum(decode_cluster(value).exposures for value in shares.values())
        return counted >= events

    await until(done, DEADLINE_S, lambda: f"{counted} of {events} exposures counted")
    assert counted == events


async def check_placed(settings: Settings, version: int, learner: Learner) -> None:
    """Every row is where the version files it, as popular as it was then; the clusters add up."""
    index = {}

    async def placed() -> bool:
        found = await rows(settings, settings.topics.item_index_changelog)
        index.update({key.decode(): decode_item_index(value) for (_, key), value in found.items()})
        return all(row.version >= version for row in index.values())

    await until(
        placed, DEADLINE_S, lambda: f"rows of other versions: {sum(r.version < version for r in index.values())}"
    )
    names = list(index)
    wanted = learner.place(names)
    assert [row.clusters for row in index.values()] == wanted.clusters_n[:, None].tolist()
    assert [row.popularity for row in index.values()] == [
        values if index[name].exposures else []
        for name, values in zip(names, wanted.popularity_nh.tolist(), strict=True)
    ]
    shares = await rows(settings, settings.topics.clusters_changelog)
    items: dict[int, int] = {}
    for (_, key), value in shares.items():
        items[int(key)] = items.get(int(key), 0) + decode_cluster(value).items
    filed = [row.clusters[0] for row in index.values()]
    assert {cluster: number for cluster, number in items.items() if number} == {c: filed.count(c) for c in set(filed)}


def write_half(settings: str, file: str) -> None:
    """A process that dies before the transaction is committed, with everything sent."""
    asyncio.run(_write_half(Settings.model_validate_json(settings), Path(file)))


async def _write_half(settings: Settings, file: Path) -> None:
    async with stand_in(settings) as producer:
        present = await stored(settings)
        planned = plan(read_model(file), present, Catalogue(), settings.kafka.partitions, 0, lambda _: None)
        await producer.begin_transaction()
        for topic, records in (
            (settings.topics.parameters, planned.parameters),
            (settings.topics.trainer_state, planned.state),
        ):
            for key, value in records:
                await producer.send(topic, value, key, 0)
        await producer.flush()
        os.kill(os.getpid(), signal.SIGKILL)


async def killed_in_the_middle(settings: Settings, file: Path) -> None:
    process = PROCESSES.Process(target=write_half, args=(settings.model_dump_json(), str(file)))
    process.start()
    await asyncio.to_thread(process.join, DEADLINE_S)
    assert process.exitcode == -signal.SIGKILL


async def test_back_to_an_exported_model(learning: Settings, indexer: Worker, svq: Command, tmp_path: Path) -> None:
    settings, file = learning, tmp_path / "good.safetensors"
    clean = events_of(random.Random(1), RECORDS, SIZE)  # noqa: S311
    poison_ms = START + 10_000_000
    poison = [
        (f"bot{n}", [{"user_id": f"bot{n % 30}" if k else "u1", "item_id": f"spam{n % 9}", "timestamp": poison_ms + n,
                      "labels": {"click": 1.0}} for k in range(SIZE)])
        for n in range(RECORDS)
    ]  # fmt: skip
    total = RECORDS * SIZE
    follower, replica = ChangelogReader(connection(settings.kafka), [settings.topics.parameters]), Replica()
    with started(settings) as trainer:
        await publish(settings, clean)
        await until_learnt(trainer, settings, total)
        assert (await svq.json("export", "model", str(file)))["events"] == total
        refused = await svq("export", "model", str(file))
        assert isinstance(refused.exception, ModelFileError)
        await follower.start()
        await publish(settings, poison)
        await until_learnt(trainer, settings, 2 * total)
        ends = await stored(settings)
        promised = await svq.json("rollback", str(file), "--dry-run")
        assert promised["forgotten_events"] == total
        assert (await stored(settings)).commit == ends.commit
        refused = await svq("rollback", str(file))
        assert isinstance(refused.exception, FencedError)
        assert "stop it" in str(refused.exception)
        assert trainer.stop() == 0, trainer.log
    await all_counted(settings, 2 * total)
    poisoned, offsets = await stored(settings), await group_offsets(settings)
    exported = read_model(file)
    assert poisoned.parameters != raw(exported)[0]

    await killed_in_the_middle(settings, file)
    assert await stored(settings) == poisoned

    since = "2023-11-15T01:00:00"  # between START and the poison
    told = await svq.json("rollback", str(file), "--forget-since", since)
    back = await stored(settings)
    parameters, state = raw(exported)
    assert back.parameters == parameters
    # Users who came since are known as last seen at that time, so that their histories expire.
    came = {key for key in poisoned.state.keys() - state.keys() if key.startswith(b"user/")}
    assert b"user/bot5" in came
    assert {key: value for key, value in back.state.items() if key not in came} == state
    assert {tuple(decode_array(back.state[key])) for key in came} == {(0.0, 0.0, float(total))}
    assert back.commit.version == told["version"] > poisoned.commit.version
    assert (back.commit.offsets, back.commit.within) == (poisoned.commit.offsets, poisoned.commit.within)
    assert await group_offsets(settings) == offsets
    assert told["records"]["user"]["removed"] > 0
    histories = await rows(settings, settings.topics.histories_changelog)
    times = [decode_history(value).times for value in histories.values()]
    assert times
    assert max(map(max, times)) < poison_ms

    learner = Learner(
        settings.model_config_core(), catalogue=await read_catalogue(connection(settings.kafka), settings.topics)
    )
    learner.restore(exported.parameters, exported.state)
    await check_placed(settings, back.commit.version, learner)
    await all_counted(settings, 2 * total)
    # A reader that followed all the way computes with the same codes and towers as one that starts now.
    while replica.commit is None or replica.commit.version < back.commit.version:
        replica.feed([(record.key, record.value) for record in await follower.poll()], complete=follower.ready)
    await follower.stop()
    names = learner.catalogue.names()
    nowhere = [-1] * len(names)
    wanted = learner.place(names, present=np.array(nowhere, np.int32))
    assert replica.place(names, [{}] * len(names), nowhere).clusters_n.tolist() == wanted.clusters_n.tolist()

    with started(settings) as trainer:
        await publish(settings, clean[:10])
        await until_learnt(trainer, settings, total + 10 * SIZE)
        again = await last_commit(settings)
        assert again is not None
        assert again.clock == total + 10 * SIZE
        assert again.version > back.commit.version
        await svq.json("rollback", str(file), "--take-over")
        await publish(settings, clean[10:20])
        assert trainer.wait(DEADLINE_S) == FencedError.exit_code, trainer.log
    commit = await last_commit(settings)
    assert commit is not None
    assert commit.clock == total
    assert commit.version > again.version
    assert commit.offsets == again.offsets
    await all_counted(settings, 2 * total + 10 * SIZE)
