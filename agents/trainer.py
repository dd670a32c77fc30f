"""The process that learns: `svq trainer`. One is active, others stand by."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog
import torch
from prometheus_client import CollectorRegistry

from agents.empty_clusters import EmptyClusters
from agents.exposures import add_exposures_agent
from agents.item_features import ItemFeatures
from agents.metrics import MetricsServer, serve_metrics
from agents.partitions import count_partitions, require_as_many
from agents.restore_metrics import RestoreMetrics
from agents.trainer_lock import TrainerLock
from agents.trainer_metrics import TrainerMetrics, TrainerReporter
from agents.trainer_sessions import TrainerSessions
from agents.warm_up import warm_up
from agents.watchdog import Watchdog
from pipeline.catalogue import Catalogue
from schemas.errors import FencedError
from schemas.kafka import connection
from schemas.settings import Settings
from tables.app import add_source, add_table, create_app
from tables.compute import ComputeThread
from tables.config import WorkerConfig
from tables.errors import die
from tables.guard import guarded
from tables.runner import run
from tables.stopping import stop_on_signals
from tables.watch import watched

log = structlog.get_logger(__name__)

FINISH_DEADLINE_S = 6.0


def main(settings: Settings) -> None:
    """Learn until told to stop; stand by while another trainer does."""
    _step_aside(settings.trainer.nice)
    try:
        asyncio.run(_main(settings))
    except Exception as error:  # noqa: BLE001 - whatever ends a process, its last line says so
        die(error)


def _step_aside(nice: int) -> None:
    if not nice:
        return
    os.nice(nice)
    # Where Linux schedules by session, the priority of a process counts within its session only.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice))


async def _main(settings: Settings) -> None:
    stop = stop_on_signals()
    topics, arguments = settings.topics, connection(settings.kafka)
    together = (
        topics.exposures,
        topics.assignments,
        topics.histories_changelog,
        topics.items_changelog,
        topics.clusters_changelog,
    )
    partitions = await count_partitions(arguments, settings, together)
    trainer = Trainer(settings, arguments, partitions)

    async def check() -> None:
        await require_as_many(arguments, settings, together, partitions)

    await trainer.run(stop, check)


class Trainer:
    """Wires lock, tables, stream and learner together."""

    def __init__(self, settings: Settings, arguments: dict[str, Any], partitions: int) -> None:
        self._settings, self._connection, topics = settings, arguments, settings.topics
        eligible = settings.eligible.rule()
        catalogue = Catalogue(eligible.max_age_ms)
        own = settings.trainer
        self._app = app = create_app(_worker_config(settings, arguments, partitions))
        pulses = app.shards.pulses
        self._thread = thread = ComputeThread(
            pulses.add("training thread", own.step_deadline_s), torch.set_num_threads, own.threads
        )
        items, clusters = topics.items_changelog, topics.clusters_changelog
        reading = {topic: pulses.stream(topic, own.stall_deadline_s) for topic in (items, clusters)}
        self._items = ItemFeatures(arguments, items, reading[items], catalogue, thread, eligible)
        self._empty = EmptyClusters(arguments, clusters, reading[clusters])
        self._metrics = TrainerMetrics(CollectorRegistry())
        self._metrics.registry.register(RestoreMetrics(app.shards))
        self._sessions = TrainerSessions(
            settings,
            settings.model_config_core(),
            arguments,
            app,
            add_table(app, "histories"),
            catalogue,
            thread,
            self._empty,
            TrainerReporter(self._metrics, self._lag),
        )
        add_exposures_agent(app, add_source(app, topics.exposures), self._sessions)
        app.shards.on_owned, app.shards.on_lost = self._sessions.opened, self._sessions.closed
        self._active = False

    async def run(self, stop: asyncio.Event, check: Callable[[], Awaitable[Any]]) -> None:
        """Wait for the lock, then learn until told to stop. `check` is called now and then, and may end the process."""
        own = self._settings.trainer
        lock = TrainerLock(
            self._settings.topics.trainer_lock,
            self._connection,
            own.session_timeout_s,
            member=self._app.membership.name,
        )
        pulses, metrics = self._app.shards.pulses, self._metrics
        metrics.registry.register(pulses)
        server = MetricsServer(metrics.registry, lambda: [*self._waiting_for(), *["its end"] * stop.is_set()])
        async with (
            watched(pulses, own.loop_deadline_s, metrics.worker.loop_lag),
            serve_metrics(server, own.metrics_host, own.metrics_port),
        ):
            warming = guarded(self._thread.within(own.restore_deadline_s, warm_up), name="warm-up")
            try:
                if await _before(stop, lock.acquire()):
                    self._active = True
                    metrics.active.set(1)
                    log.info("active trainer", prefix=self._settings.kafka.prefix)
                    await self._learn(lock, stop, check)
            finally:
                warming.cancel()
                await lock.release()
                await self._items.stop()
                await self._empty.stop()

    async def _learn(self, lock: TrainerLock, stop: asyncio.Event, check: Callable[[], Awaitable[Any]]) -> None:
        background = [guarded(_until_lost(lock), name="lock")]
        deadline_s = self._settings.trainer.restore_deadline_s
        if await _before(stop, self._items.start(deadline_s)) and await _before(stop, self._empty.start(deadline_s)):
            background += [
                guarded(self._items.follow(), name="items"),
                guarded(self._empty.follow(), name="clusters"),
                guarded(
                    Watchdog(self._app.shards, self._metrics.worker, check, self._sessions.skip).run(), name="watchdog"
                ),
            ]
            await self._until(stop, lock)
        for task in background:
            task.cancel()

    async def _until(self, stop: asyncio.Event, lock: TrainerLock) -> None:
        finished = asyncio.Event()
        running = guarded(run(self._app, finished), name="worker")
        await stop.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_DEADLINE_S):
                await self._sessions.finish()
        finished.set()
        # A standby need not wait for Faust: what was learnt is published, and it fences this one before it reads.
        await asyncio.gather(lock.release(), running)

    def _waiting_for(self) -> list[str]:
        # A standby is ready, else a rolling update would wait for it while it waits for the one to be replaced.
        if not self._active or self._sessions.learning:
            return []
        shards = self._app.shards
        return [*self._items.waiting_for(), *self._empty.waiting_for()] or shards.waiting_for() or ["the model"]

    def _lag(self) -> int:
        consumer = self._app.consumer
        behind = [
            (consumer.highwater(source) or 0) - position.committed
            for shard in self._app.shards
            for source, position in shard.positions.items()
        ]
        return sum(max(0, lag) for lag in behind)


def _worker_config(settings: Settings, arguments: dict[str, Any], partitions: int) -> WorkerConfig:
    topics, own = settings.topics, settings.trainer
    return WorkerConfig(
        group=topics.trainer_app,
        connection=arguments,
        folder=settings.folder("trainer"),
        sources=(topics.exposures,),
        partitions=partitions,
        transactional_id=topics.trainer_app,
        session_timeout_s=own.session_timeout_s,
        transaction_timeout_s=own.transaction_timeout_s,
        restore_deadline_s=own.restore_deadline_s,
        stall_deadline_s=own.stall_deadline_s,
        step_deadline_s=own.step_deadline_s,
        replication_factor=settings.kafka.replication_factor,
        topics_exist=True,
    )


async def _before(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Whether the work was done before the process was told to stop."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        working.result()
        return not stop.is_set()
    working.cancel()
    await asyncio.wait({working})
    return False


async def _until_lost(lock: TrainerLock) -> None:
    raise FencedError(f"this process is no longer the active trainer: {await lock.lost()}")
