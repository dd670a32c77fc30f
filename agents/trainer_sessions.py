"""From a fenced shard to a session that learns: read what was published last, check it, go on from there."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import TopicPartition

from agents.learning import Learning
from agents.micro_batch import Position
from agents.publisher import Publisher
from agents.trainer_metrics import TrainerReporter
from agents.trainer_session import TrainerSession
from agents.trainer_state import Stored, ahead, check_config, load, resume
from pipeline.catalogue import Catalogue
from pipeline.config import ModelConfig
from pipeline.errors import RestoreError
from pipeline.learner import Learner
from pipeline.reconfiguration import arranged
from schemas.errors import InvariantError
from schemas.parameters import first_version
from schemas.settings import Settings
from tables.app import App
from tables.compute import ComputeThread
from tables.errors import ShardLost
from tables.offsets import probe
from tables.position import Event
from tables.shard import Shard
from tables.table import Table

log = structlog.get_logger(__name__)

PROBE_S = 10.0


class TrainerSessions:
    """Opens a session for each ownership of the shard, and hands it the events.

    Every ownership starts from what is in Kafka, also after a rebalance that gave the shard back: what the last session
    had learnt since its last version never was.
    """

    def __init__(
        self,
        settings: Settings,
        config: ModelConfig,
        connection: Mapping[str, Any],
        app: App,
        histories: Table,
        catalogue: Catalogue,
        thread: ComputeThread,
        empty_codes: Callable[[int], list[int]],
        reporter: TrainerReporter,
    ) -> None:
        self._settings, self._config, self._connection, self._app = settings, config, connection, app
        self._histories, self._catalogue, self._thread, self._reporter = histories, catalogue, thread, reporter
        self._empty_codes = empty_codes
        self._session: TrainerSession | None = None

    @property
    def learning(self) -> bool:
        """Whether a session is on."""
        return self._session is not None

    async def take(self, events: Sequence[Event]) -> None:
        """Events from Faust, to the session of their shard once that is ready."""
        shard = self._app.shards.of(events[0].message.partition)
        if shard is None:
            return
        try:
            admitted = await shard.admit(events)
        except ShardLost:
            return
        if self._session is not None:
            await self._session.take(admitted)

    async def opened(self, shard: Shard) -> None:
        """The shard is fenced and its tables are restored: nobody else writes, and what is in Kafka stays as it is."""
        topics, deadline_s = self._settings.topics, self._settings.trainer.restore_deadline_s
        stored = await load(self._connection, topics, deadline_s, shard.progress)
        config = self._config if stored is None else arranged(self._config, stored.config)
        positions = await self._positions(shard, stored, config)
        learning = await self._thread.within(deadline_s, self._learning, stored, config, positions)
        self._session = self._open(shard, learning, stored)
        log.info("model ready", version=stored.commit.version if stored else None, clock=learning.learner.clock)
        self._session.start()

    async def closed(self, shard: Shard) -> None:
        """The shard is lost."""
        session, self._session = self._session, None
        if session is not None:
            log.info("session ends: the shard is lost", shard=shard.name)
            await session.abandon()

    async def skip(self, shard: Shard, source: TopicPartition, committed: int, reached: int) -> None:
        """No record lies between these offsets: go on behind them, unless the session is further already."""
        if self._session is not None:
            await self._session.skip(source, committed, reached)

    async def finish(self) -> None:
        """Finish the step in flight and publish it; then no session is on."""
        session, self._session = self._session, None
        if session is not None:
            await session.finish()

    async def _positions(self, shard: Shard, stored: Stored | None, config: ModelConfig) -> dict[int, Position]:
        topics = self._settings.topics
        committed = {tp.partition: position.committed for tp, position in shard.positions.items()}
        if stored is None:
            self._check_nothing_learnt(shard)
            return {partition: Position(offset) for partition, offset in committed.items()}
        check_config(stored.config, config, self._settings.kafka.prefix)
        following = {}
        for partition, offset in ahead(stored.commit, committed).items():
            source = TopicPartition(topics.exposures, partition)
            following[partition], _ = await probe(self._connection, source, offset, PROBE_S)
        return resume(stored.commit, committed, following, topics.trainer_app)

    def _check_nothing_learnt(self, shard: Shard) -> None:
        topics = self._settings.topics
        changelog = topics.histories_changelog
        if any(self._app.shards.changelog_end(changelog, partition) for partition in shard.partitions):
            raise InvariantError(
                f"{changelog} holds rows, but {topics.parameters} no model: it was emptied. Use a new prefix "
                "(kafka.prefix), or create all topics of this one anew"
            )

    def _learning(self, stored: Stored | None, config: ModelConfig, positions: Mapping[int, Position]) -> Learning:
        # What applications publish may not stop the stream: a feature of the wrong type counts as missing.
        device = self._settings.trainer.device
        learner = Learner(config, catalogue=self._catalogue, device=device, strict=False)
        if stored is not None:
            try:
                learner.restore(stored.parameters, stored.state)
            except RestoreError as error:
                raise InvariantError(f"version {stored.commit.version} cannot be restored: {error}") from error
        announce = stored is None or stored.config_hash != config.hash()
        return Learning(learner, positions, self._histories.get, announce=announce)

    def _open(self, shard: Shard, learning: Learning, stored: Stored | None) -> TrainerSession:
        trainer = self._settings.trainer
        publisher = Publisher(
            shard,
            learning,
            self._thread,
            topics=self._settings.topics,
            histories=self._histories,
            first_version=first_version(stored.commit.version if stored else None, time.time_ns() // 1_000_000),
            interval_s=trainer.publish_interval_ms / 1000,
            empty_codes=self._empty_codes,
            on_published=self._reporter.published,
        )
        return TrainerSession(
            shard,
            learning,
            publisher,
            self._thread,
            batch_deadline_s=trainer.batch_deadline_ms / 1000,
            reporter=self._reporter,
        )
