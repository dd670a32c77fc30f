"""The process that files items: `svq indexer`. As many of them as wanted, up to one a partition."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from prometheus_client import CollectorRegistry

from agents.assignments import Assignments
from agents.candidates import Candidates
from agents.inbox import Inbox, add_inbox
from agents.indexer_metrics import IndexerMetrics
from agents.metrics import MetricsServer, serve_metrics
from agents.parameters import ParametersFollower
from agents.partition_rows import IndexTables
from agents.partitions import count_partitions, require_as_many
from agents.placer import Placer
from agents.restore_metrics import RestoreMetrics
from agents.scan import SliceScanner
from agents.scanner import Scanner
from agents.shares import Shares
from agents.watchdog import Watchdog, skip_in_a_step
from schemas.kafka import connection
from schemas.settings import Settings
from tables.app import add_source, add_table, create_app
from tables.config import WorkerConfig
from tables.errors import die
from tables.guard import guarded
from tables.position import Event
from tables.runner import run
from tables.shard import Shard, Step
from tables.stopping import stop_on_signals
from tables.tracing import Tracing
from tables.watch import watched

Handler = Callable[[Shard, Step[Event]], Awaitable[None]]

CANDIDATES, ASSIGNMENTS = "candidates", "assignments"
MEASURE_S = 2.0


def main(settings: Settings) -> None:
    """File items until told to stop."""
    try:
        asyncio.run(_main(settings))
    except Exception as error:  # noqa: BLE001 - whatever ends a process, its last line says so
        die(error)


async def _main(settings: Settings) -> None:
    stop = stop_on_signals()
    topics, arguments = settings.topics, connection(settings.kafka)
    together = (
        topics.candidates,
        topics.assignments,
        topics.items_changelog,
        topics.item_index_changelog,
        topics.clusters_changelog,
    )
    partitions = await count_partitions(arguments, settings, together)
    indexer = Indexer(settings, arguments, partitions)

    async def check() -> None:
        await require_as_many(arguments, settings, together, partitions)

    await indexer.run(stop, check)


class Indexer:
    """Wires tables, streams, replica and scanner together."""

    def __init__(self, settings: Settings, arguments: dict[str, Any], partitions: int) -> None:
        self._settings = settings
        own, topics = settings.indexer, settings.topics
        self._app = create_app(_worker_config(settings, arguments, partitions))
        self.tables = IndexTables(*(add_table(self._app, name) for name in ("items", "item_index", "clusters")))
        self._metrics = IndexerMetrics(CollectorRegistry())
        self._tracing = Tracing.of(settings.tracing, "indexer")
        self._metrics.registry.register(RestoreMetrics(self._app.shards))
        self._shares = Shares(self.tables)
        pulses = self._app.shards.pulses
        self._placer = Placer(pulses.add("placing thread", own.step_deadline_s), own.threads, own.restore_deadline_s)
        reading = pulses.stream(topics.parameters, own.stall_deadline_s)
        self._follower = ParametersFollower(arguments, topics.parameters, self._placer, reading)
        mark_ttl_ms = int(own.deletion_ttl_s * 1000)
        item_ttl_ms = None if own.item_ttl_s is None else int(own.item_ttl_s * 1000)
        slices = SliceScanner(
            self.tables, self._placer, own.dead_band, mark_ttl_ms, settings.eligible.rule(), item_ttl_ms
        )
        self._scanner = Scanner(slices, self.tables, self._shares, self._placer, self._metrics, own.scan_interval_s)
        candidates = Candidates(topics, partitions, self.tables, self._shares, self._placer, self._metrics)
        assignments = Assignments(
            topics.assignments, partitions, self.tables, self._shares, self._metrics, bare_items=own.bare_items
        )
        self._add(topics.candidates, CANDIDATES, candidates.handle)
        self._add(topics.assignments, ASSIGNMENTS, assignments.handle)
        self._app.shards.on_owned, self._app.shards.on_lost = self._owned, self._lost

    async def run(self, stop: asyncio.Event, check: Any) -> None:
        """Until told to stop."""
        own, pulses, metrics = self._settings.indexer, self._app.shards.pulses, self._metrics
        metrics.registry.register(pulses)
        server = MetricsServer(metrics.registry, lambda: [*self._waiting_for(), *["its end"] * stop.is_set()])
        async with (
            watched(pulses, own.loop_deadline_s, metrics.worker.loop_lag),
            serve_metrics(server, own.metrics_host, own.metrics_port),
        ):
            watchdog = Watchdog(self._app.shards, metrics.worker, check, skip_in_a_step)
            background = [
                guarded(self._follower.run(), name="parameters"),
                guarded(watchdog.run(), name="watchdog"),
                guarded(self._measure(), name="measure"),
            ]
            await run(self._app, stop)
            for task in background:
                task.cancel()
        self._placer.close()
        if self._tracing is not None:
            self._tracing.close()

    def _add(self, topic: str, name: str, handle: Handler) -> None:
        steps = self._metrics.steps.labels(name)

        async def process(partition: int, events: list[Event]) -> None:
            with steps.time(), self._span(topic, partition, events):
                await self._app.shards.process(partition, events, handle)
            if name == CANDIDATES:
                now = time.time()
                for event in events:
                    self._metrics.delay.observe(max(0.0, now - event.message.timestamp))

        add_inbox(self._app, add_source(self._app, topic, batched=True), name, Inbox(process))

    def _span(self, topic: str, partition: int, events: list[Event]) -> AbstractContextManager[None]:
        if self._tracing is None:
            return nullcontext()
        return self._tracing.step(topic, partition, (event.message.headers for event in events))

    async def _owned(self, shard: Shard) -> None:
        await self._shares.load(shard)
        await self._scanner.begin(shard)

    async def _lost(self, shard: Shard) -> None:
        await self._scanner.end(shard)
        await self._shares.forget(shard)
        for partition in shard.partitions:
            self._metrics.forget(partition)

    async def _measure(self) -> None:
        while True:
            for partition, items in self._shares.items().items():
                self._metrics.items.labels(partition).set(items)
            commit = self._placer.commit
            self._metrics.version_time.set(commit.time_ms / 1000 if commit else 0)
            await asyncio.sleep(MEASURE_S)

    def _waiting_for(self) -> list[str]:
        return [*self._follower.waiting_for(), *self._app.shards.waiting_for()]


def _worker_config(settings: Settings, arguments: dict[str, Any], partitions: int) -> WorkerConfig:
    topics, own = settings.topics, settings.indexer
    return WorkerConfig(
        group=topics.indexer_app,
        connection=arguments,
        folder=settings.folder("indexer"),
        sources=(topics.candidates, topics.assignments),
        partitions=partitions,
        session_timeout_s=own.session_timeout_s,
        transaction_timeout_s=own.transaction_timeout_s,
        restore_deadline_s=own.restore_deadline_s,
        stall_deadline_s=own.stall_deadline_s,
        step_deadline_s=own.step_deadline_s,
        replication_factor=settings.kafka.replication_factor,
        topics_exist=True,
    )
