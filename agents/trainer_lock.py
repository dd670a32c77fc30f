"""Which trainer is the active one: the member that owns the single partition of the lock topic."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError

from agents.incumbent import Incumbent
from agents.partitions import partitions_of
from schemas.errors import TopicsError
from tables.config import heartbeat_s
from tables.consumer import leave
from tables.errors import REFUSED, RIGHTS
from tables.guard import guarded

log = structlog.get_logger(__name__)

POLL_MS = 1_000


class TrainerLock(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka carries no types
    """`acquire` waits until this process is the active trainer, `lost` until it no longer is."""

    def __init__(
        self,
        topic: str,
        connection: Mapping[str, Any],
        session_timeout_s: float = 10.0,
        precedence: int = 0,
        member: str | None = None,
    ) -> None:
        """Take part in the group named like the topic.

        Args:
            topic: its one partition is the lock.
            connection: arguments of every aiokafka client (`schemas.kafka.connection`).
            session_timeout_s: silence after which the lock goes to another member.
            precedence: as of `Incumbent`.
            member: name by which a holder that was killed and started again has the lock as before (`Membership`).
        """
        self._session_s = session_timeout_s
        self._topic = topic
        self._member = member
        self._assignor = Incumbent(precedence=precedence)
        self._connection = dict(connection)
        self._consumer: AIOKafkaConsumer | None = None
        self._polling: asyncio.Task[None] | None = None
        self._held = asyncio.Event()
        self._lost = asyncio.Event()
        self.standing_by = asyncio.Event()
        self._reason = ""

    async def acquire(self) -> None:
        """Wait, as long as it takes, for the lock.

        Raises:
            TopicsError: the lock topic is missing or has more than one partition.
        """
        await self._check_topic()
        self._consumer = AIOKafkaConsumer(
            **self._connection,
            group_id=self._topic,
            group_instance_id=self._member,
            enable_auto_commit=False,
            session_timeout_ms=int(1000 * self._session_s),
            heartbeat_interval_ms=int(1000 * heartbeat_s(self._session_s)),
            partition_assignment_strategy=(self._assignor,),
        )
        await self._consumer.start()
        self._consumer.subscribe([self._topic], listener=self)
        self._polling = guarded(self._poll(self._consumer), name="trainer lock")
        await self._settled(self._held, self._lost)
        if self._lost.is_set():
            raise TopicsError(f"cannot take part in the group {self._topic}: {self._reason}")

    async def lost(self) -> str:
        """Wait until the lock is lost; what happened, in words."""
        await self._lost.wait()
        return self._reason

    async def release(self) -> None:
        """Leave the group: a standby takes over at once."""
        if self._polling:
            self._polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._polling
        if self._consumer:
            if self._polling:
                await leave(self._consumer)
            await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Say nothing yet: at each rebalance everything is taken back first, and most often given again."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Owner, owner no longer, or one of those who wait."""
        if list(assigned):
            self._held.set()
        elif self._held.is_set():
            self._end("another trainer owns it now")
        elif not self.standing_by.is_set():
            self.standing_by.set()
            log.info("standing by", lock=self._topic)

    async def _check_topic(self) -> None:
        found = (await partitions_of(self._connection, [self._topic]))[self._topic]
        if found != 1:
            raise TopicsError(f"topic {self._topic} has {found} partitions instead of one: create it anew")

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        """Nobody writes to the topic; polling keeps the membership and brings errors of the group to light."""
        try:
            while True:
                await consumer.getmany(timeout_ms=POLL_MS)
        except (KafkaError, ConsumerStoppedError) as error:  # stopped by whom else, the membership is over
            self._end(f"{type(error).__name__}: {error}{f'. {RIGHTS}' if isinstance(error, REFUSED) else ''}")

    def _end(self, reason: str) -> None:
        self._reason = reason
        self._lost.set()

    @staticmethod
    async def _settled(*events: asyncio.Event) -> None:
        waiting = [asyncio.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
