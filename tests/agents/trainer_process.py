"""A trainer in a process of its own, and what it leaves in Kafka, read the slow and obvious way."""

import multiprocessing
import os
import random
import signal
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from streamvq_client.partitioner import partition_of

from infra.cli import run
from infra.roles import process_environment
from schemas import assignments
from schemas.commit import Commit, decode_commit
from schemas.parameters import COMMIT_KEY
from schemas.retriever import ModelSettings
from schemas.settings import Settings
from schemas.workers import TrainerSettings
from tables.offsets import committed_offsets, reader
from tests.tables.chaos import until
from tests.tables.kafka_state import read_topic

# Starting a process with torch takes seconds on an idle machine, and tens of them on a busy one.
DEADLINE_S = 90.0
STOP_DEADLINE_S = 10.0  # what an orchestrator is promised
SMALL = ModelSettings(dim=16, id_dim=16, hidden=32, batch=64, codes=8, start_steps=10)
START = 1_700_000_000_000

# Torch, numba and Faust take seconds to import: once, in a server that every process is forked from.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["agents.trainer", "agents.indexer", "serving.service", "infra.commands.trainer"])

Event = dict[str, Any]


def small(settings: Settings, folder: str = "trainer", **trainer: Any) -> Settings:
    """The settings with a model that learns in no time, and a folder of its own."""
    worker = TrainerSettings(folder=settings.data / folder, session_timeout_s=6, **trainer)
    return settings.model_copy(update={"model": SMALL, "trainer": worker})


def learn(environment: dict[str, str], output: str) -> None:
    """What the process does: `svq trainer`."""
    file = os.open(output, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.environ.clear()
    os.environ.update(environment)
    sys.exit(run(["trainer"]))


class TrainerProcess:
    """Started when built; its output is in `log`."""

    def __init__(self, settings: Settings) -> None:
        self._file = settings.data / f"trainer-{uuid.uuid4().hex[:8]}.log"
        self._file.touch()
        self._process = PROCESSES.Process(target=learn, args=(process_environment(settings, {}), str(self._file)))
        self._process.start()

    @property
    def log(self) -> str:
        return self._file.read_text()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.is_alive()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.join()

    def stop(self) -> int | None:
        """SIGTERM; the exit code."""
        self._process.terminate()
        return self.wait(STOP_DEADLINE_S)

    def wait(self, seconds: float) -> int | None:
        """The exit code of a process that ends by itself; None if it does not."""
        self._process.join(seconds)
        return self._process.exitcode


@contextmanager
def started(settings: Settings) -> Iterator[TrainerProcess]:
    """A trainer that runs inside the block, and is gone behind it."""
    trainer = TrainerProcess(settings)
    try:
        yield trainer
    finally:
        trainer.kill()


def events_of(rng: random.Random, records: int, size: int = 20) -> list[tuple[str, list[Event]]]:
    """Records of one user each: arrays of exposures with popular and rare items, a third of them positive."""
    made = []
    for number in range(records):
        user = f"u{rng.randrange(200)}"
        made.append((user, [
            {
                "user_id": user,
                "item_id": f"i{min(int(rng.paretovariate(0.8)), 300)}",
                "timestamp": START + 1000 * number + place,
                "labels": {"click": float(rng.random() < 0.3)},
            }
            for place in range(size)
        ]))  # fmt: skip
    return made


async def publish(settings: Settings, records: Sequence[tuple[str, Any]]) -> None:
    """Publish values, each under its key, as an application would: bytes as they are, everything else as JSON."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers, enable_idempotence=True)
    await producer.start()
    try:
        for key, value in records:
            body = value if isinstance(value, bytes) else msgspec.json.encode(value)
            partition = partition_of(key.encode(), settings.kafka.partitions)
            await producer.send(settings.topics.exposures, body, key=key.encode(), partition=partition)
    finally:
        await producer.stop()


async def last_commit(settings: Settings) -> Commit | None:
    """The last committed version: the last record there is, whatever markers follow it."""
    source = TopicPartition(settings.topics.parameters, 0)
    async with reader({"bootstrap_servers": settings.kafka.bootstrap_servers}) as consumer:
        consumer.assign([source])
        end, back = (await consumer.end_offsets([source]))[source], 4
        while end:
            found = await _between(consumer, source, max(0, end - back), end)
            if found or back >= end:
                assert not found or found[-1].key == COMMIT_KEY
                return decode_commit(found[-1].value) if found else None
            back *= 8
    return None


async def _between(consumer: Any, source: TopicPartition, begin: int, end: int) -> list[Any]:
    consumer.seek(source, begin)
    found = []
    while await consumer.position(source) < end:
        for batch in (await consumer.getmany(source, timeout_ms=100)).values():
            found += [record for record in batch if record.offset < end]
    return found


async def until_said(trainer: TrainerProcess, words: str) -> None:
    """Wait until the log holds these words."""

    async def said() -> bool:
        return words in trainer.log

    await until(said, DEADLINE_S, lambda: trainer.log)


async def until_learnt(trainer: TrainerProcess, settings: Settings, events: int) -> None:
    """Wait until so many exposures are in a committed version."""

    async def learnt() -> bool:
        assert trainer.running, trainer.log
        commit = await last_commit(settings)
        return commit is not None and commit.clock >= events

    await until(learnt, DEADLINE_S, lambda: trainer.log)


async def group_offsets(settings: Settings) -> dict[int, int | None]:
    """What the trainer's group has committed."""
    topics = settings.topics
    sources = [TopicPartition(topics.exposures, partition) for partition in range(settings.kafka.partitions)]
    connection = {"bootstrap_servers": settings.kafka.bootstrap_servers}
    committed = await committed_offsets(connection, topics.trainer_app, sources)
    return {tp.partition: offset for tp, offset in committed.items()}


async def counted(settings: Settings) -> Counter[str]:
    """Exposures of each item in all assignment blocks."""
    total: Counter[str] = Counter()
    partitions = range(settings.kafka.partitions)
    for record in await read_topic(settings.kafka.bootstrap_servers, settings.topics.assignments, partitions):
        assert record.value is not None
        block = assignments.decode(record.value)
        assert {partition_of(item.encode(), len(partitions)) for item in block.ids} == {record.partition}
        total.update(dict(zip(block.ids, block.exposures.tolist(), strict=True)))
    return total


async def dead_letters(settings: Settings) -> list[bytes | None]:
    """Values of all dead letters."""
    records = await read_topic(settings.kafka.bootstrap_servers, settings.topics.dead_letters, [0])
    return [record.value for record in records]
