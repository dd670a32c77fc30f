"""Keeps the model of the replica up with the topic `parameters`, version by version."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence

import structlog
from streamvq_client.record import Record

from schemas.settings import Settings
from schemas.versions import Versions
from serving.anew import Whole, read_anew, whole_model
from serving.metrics import Metrics
from serving.replica import Replica

log = structlog.get_logger(__name__)


class ModelFollower:
    """Takes records of the topic in their order, and goes on to the next version once it is whole.

    Args:
        settings: where Kafka is, and how often versions change.
        replica: whose model it is.
        metrics: where it is told how long queries could not run.
    """

    def __init__(self, settings: Settings, replica: Replica, metrics: Metrics) -> None:
        self._kafka = settings.kafka
        self._topic = settings.topics.parameters
        self._replica = replica
        self._metrics = metrics
        self._interval_s = settings.server.version_interval_ms / 1000
        self._stall_s = settings.server.stall_deadline_s
        self._versions = Versions()
        self._whole = False  # the next version holds everything, not only what changed since the one in force
        self._unread: list[Record] = []
        self._taken = 0  # offset before which all is in the model: it was read by another reader
        self._anew: asyncio.Task[Whole] | None = None
        self._activated = -math.inf

    def begin_anew(self) -> None:
        """What comes now comes from the beginning. The model in force stays until another one is whole."""
        self._versions, self._unread, self._taken = Versions(), [], 0
        self._whole = self._replica.model is not None
        self.stop()

    def stop(self) -> None:
        """Read nothing any more."""
        if self._anew is not None:
            self._anew.cancel()
            self._anew = None

    async def take(self, records: Sequence[Record], *, complete: bool) -> None:
        """To the next version that is whole, if there is one; to that of another configuration once it is read anew.

        Args:
            records: the next ones, be it none.
            complete: whether all that there was at the start has been taken with them.

        Raises:
            FormatError: no trainer wrote them.
            RestoreError: they do not fit their own configuration.
        """
        self._unread += [record for record in records if record.offset >= self._taken]
        if self._anew is not None:
            if self._anew.done():
                await self._exchange(self._anew.result())
                self._anew = None
            return
        pairs = [(record.key, record.value) for record in self._unread]
        self._unread.clear()
        version = self._versions.feed(pairs, complete=complete and self._due())
        if version is None:
            return
        present = self._replica.model
        if self._whole:
            self._whole = False
            model = await asyncio.to_thread(whole_model, version)
            await self._activate(lambda: self._replica.exchange(model, version.commit))
        elif present is not None and present.config != version.config:
            log.info("configuration changed, reading all parameters again", version=version.commit.version)
            self._anew = asyncio.create_task(read_anew(self._kafka, self._topic, self._stall_s))
        else:
            await self._activate(lambda: self._replica.activate(*version))

    def _due(self) -> bool:
        return time.monotonic() - self._activated >= self._interval_s

    async def _exchange(self, whole: Whole) -> None:
        self._versions, self._taken = whole.versions, whole.position
        self._unread = [record for record in self._unread if record.offset >= self._taken]
        await self._activate(lambda: self._replica.exchange(whole.model, whole.commit))
        log.info("model of another configuration", version=whole.commit.version)

    async def _activate(self, take_over: Callable[[], None]) -> None:
        async with self._replica.steady:
            begin = time.perf_counter()
            take_over()
            self._activated = time.monotonic()
            self._metrics.took("version", time.perf_counter() - begin)
        if self._replica.vectors is not None:
            for _ in self._replica.vectors.ahead():
                await asyncio.sleep(0)
