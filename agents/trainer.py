"""The process that learns: `svq trainer`."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
import torch

from agents.exposures import add_exposures_agent
from agents.item_features import ItemFeatures
from agents.learning import Learning
from agents.micro_batch import Position
from agents.publisher import Publisher
from agents.trainer_lock import TrainerLock
from agents.trainer_session import TrainerSession
from agents.trainer_state import Stored, check_config, load, resume
from pipeline.batch import StepReport
from pipeline.catalogue import Catalogue
from pipeline.learner import Learner
from schemas.errors import FencedError, InvariantError, StreamVQError
from schemas.kafka import connection
from schemas.parameters import Commit, first_version
from schemas.settings import Settings
from tables.app import add_source, add_table, create_app
from tables.config import WorkerConfig
from tables.errors import ShardLost, die
from tables.offsets import reader
from tables.position import Event
from tables.runner import run, stop_on_signals
from tables.shard import Shard

log = structlog.get_logger(__name__)

T = TypeVar("T")
FINISH_DEADLINE_S = 5.0


def main(settings: Settings) -> None:
    """Learn until told to stop; stand by while another trainer does."""

    async def learn() -> None:
        await Trainer(settings).run()  # built inside the loop: Faust keeps the one it is built in

    try:
        asyncio.run(learn())
    except StreamVQError as error:
        die(error)


class Trainer:
    """Wires lock, tables, stream and learner together."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._config = settings.model_config_core()
        self._connection = connection(settings.kafka)
        self._catalogue = Catalogue()
        self._thread = ThreadPoolExecutor(1, "training", torch.set_num_threads, (settings.trainer.threads,))
        self._session: TrainerSession | None = None
        self._app = create_app(_worker_config(settings, self._connection))
        self._app.shards.on_owned = self._owned
        self._app.shards.on_lost = self._lost
        self._histories = add_table(self._app, "histories")
        self._items = ItemFeatures(self._connection, settings.topics.items_changelog, self._catalogue, self._in_thread)
        add_exposures_agent(self._app, add_source(self._app, settings.topics.exposures), self)

    async def run(self) -> None:
        """Wait for the lock, then learn until the process is told to stop."""
        stop, topic = stop_on_signals(), self._settings.topics.trainer_lock
        lock = TrainerLock(topic, self._connection, self._settings.trainer.session_timeout_s)
        try:
            if await _first(lock.acquire(), stop):
                await self._learn(lock, stop)
        finally:
            await lock.release()

    async def take(self, events: Sequence[Event]) -> None:
        """Events from Faust, to the session of their shard, once that is ready."""
        shard = self._app.shards.of(events[0].message.partition)
        if shard is None:
            return
        try:
            admitted = await shard.admit(events)
        except ShardLost:
            return
        if self._session is not None:
            await self._session.take(admitted)

    async def _learn(self, lock: TrainerLock, stop: asyncio.Event) -> None:
        log.info("active trainer", prefix=self._settings.kafka.prefix)
        await self._items.start(self._settings.trainer.restore_deadline_s)
        finished = asyncio.Event()
        watches = [
            asyncio.create_task(_guarded(self._items.follow())),
            asyncio.create_task(_guarded(_until_lost(lock))),
        ]
        running = asyncio.create_task(run(self._app, finished))
        await stop.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_DEADLINE_S):
                if self._session is not None:
                    await self._session.finish()
        for watch in watches:
            watch.cancel()
        finished.set()
        await running
        await self._items.stop()

    async def _owned(self, shard: Shard) -> None:
        """The shard is fenced: nobody else writes. Read what was published last, and go on from there."""
        settings, prefix = self._settings, self._settings.kafka.prefix
        committed = {tp.partition: position.committed for tp, position in shard.positions.items()}
        stored = await load(self._connection, settings.topics, settings.trainer.restore_deadline_s)
        if stored is None:
            self._check_nothing_learnt(shard)
            positions = {partition: Position(offset) for partition, offset in committed.items()}
        else:
            check_config(stored.config, self._config, prefix)
            async with reader(self._connection) as consumer:
                beginnings = {tp.partition: at for tp, at in (await consumer.beginning_offsets(shard.sources)).items()}
            positions = resume(stored.commit, committed, beginnings, settings.topics.trainer_app)
        learning = await self._in_thread(self._learning, stored, positions)
        version = first_version(stored.commit.version if stored else None, time.time_ns() // 1_000_000)
        publisher = Publisher(
            shard,
            learning,
            self._in_thread,
            topics=settings.topics,
            histories=self._histories,
            first_version=version,
            interval_s=settings.trainer.publish_interval_ms / 1000,
            on_published=self._published,
        )
        self._session = TrainerSession(
            shard,
            learning,
            publisher,
            self._in_thread,
            batch_deadline_s=settings.trainer.batch_deadline_ms / 1000,
            on_step=self._stepped,
        )
        log.info("model ready", version=stored.commit.version if stored else None, clock=learning.learner.clock)
        self._session.start()

    async def _lost(self, shard: Shard) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.abandon()

    def _learning(self, stored: Stored | None, positions: dict[int, Position]) -> Learning:
        learner = Learner(self._config, catalogue=self._catalogue, device=self._settings.trainer.device)
        if stored is not None:
            learner.restore(stored.parameters, stored.state)
        announce = stored is None or stored.config != self._config
        return Learning(learner, positions, self._histories.get, announce=announce)

    def _check_nothing_learnt(self, shard: Shard) -> None:
        topic = self._settings.topics.histories_changelog
        if any(self._app.shards.changelog_end(topic, partition) for partition in shard.partitions):
            raise InvariantError(
                f"{topic} holds rows, but {self._settings.topics.parameters} no model: it was emptied. Use a new "
                "prefix (kafka.prefix), or create all topics of this one anew"
            )

    def _stepped(self, report: StepReport, seconds: float) -> None:
        pass

    def _published(self, commit: Commit, seconds: float) -> None:
        log.debug("published", version=commit.version, clock=commit.clock, seconds=round(seconds, 4), **commit.metrics)

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def _worker_config(settings: Settings, connection: dict[str, Any]) -> WorkerConfig:
    topics, trainer = settings.topics, settings.trainer
    return WorkerConfig(
        group=topics.trainer_app,
        connection=connection,
        folder=settings.folder("trainer"),
        sources=(topics.exposures,),
        partitions=settings.kafka.partitions,
        transactional_id=topics.trainer_app,
        session_timeout_s=trainer.session_timeout_s,
        transaction_timeout_s=trainer.transaction_timeout_s,
        restore_deadline_s=trainer.restore_deadline_s,
        stall_deadline_s=trainer.stall_deadline_s,
        replication_factor=settings.kafka.replication_factor,
    )


async def _first(work: Any, stop: asyncio.Event) -> bool:
    """Whether the work was done before the process was told to stop."""
    tasks = [asyncio.create_task(work), asyncio.create_task(stop.wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    if not tasks[0].cancelled():
        tasks[0].result()
        return not stop.is_set()
    return False


async def _until_lost(lock: TrainerLock) -> None:
    raise FencedError(f"this process is no longer the active trainer: {await lock.lost()}")


async def _guarded(work: Any) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - background work that nobody awaits
        die(error)
