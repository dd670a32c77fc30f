"""Keeps the replica up with Kafka."""

import asyncio
import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import structlog
from streamvq_client.changelog import ChangelogReader, Record
from streamvq_client.errors import ClientError

from pipeline.errors import RestoreError
from schemas.errors import InvariantError
from schemas.http_state import Readiness, TopicState
from schemas.kafka import connection
from schemas.settings import Settings
from schemas.versions import Versions
from serving.anew import SILENT_S, Whole, read_anew
from serving.errors import reading_failed
from serving.metrics import Metrics
from serving.replica import Replica
from serving.stream_time import now_ms
from tables.pulse import Pulse

POLL_RECORDS: Final = 1000
"""Records taken from Kafka's client at a time, which costs about 3 ms."""
POLL_MS: Final = 100
SLICE: Final = 256
"""Rows applied in one piece, about 2 ms; queries run between pieces."""

log = structlog.get_logger(__name__)


class Follower:
    """Reads four changelogs and the parameters, and applies them in pieces that no query has to wait long for.

    Args:
        settings: where Kafka is.
        replica: what is kept up.
        pulse: beats as long as that gets on, or there is nothing to do.
    """

    def __init__(self, settings: Settings, replica: Replica, pulse: Pulse) -> None:
        self._kafka = settings.kafka
        self._parameters = settings.topics.parameters
        self._index_topic = settings.topics.item_index_changelog
        self._replica = replica
        self._pulse = pulse
        self._topics = [self._parameters, *replica.topics]
        self._reader: ChangelogReader | None = None
        self._versions = Versions()
        self._unread: list[Record] = []
        self._taken = 0  # offset of the parameters before which all is in the model: it was read by another reader
        self._anew: asyncio.Task[Whole] | None = None
        self._ready = False
        self.on_records: Callable[[Sequence[Record]], None] | None = None
        """Told of everything that was read, before any of it takes effect."""
        self._interval_s = settings.server.version_interval_ms / 1000
        self._stall_s = settings.server.stall_deadline_s
        self._activated = -math.inf

    async def run(self, metrics: Metrics) -> None:
        """Follow until cancelled.

        Raises:
            StreamVQError: the replica cannot be kept up any more; the process has to end.
        """
        self._pulse.beat()
        try:
            async with ChangelogReader(connection(self._kafka), self._topics) as reader:
                self._reader = reader
                while True:
                    await self._step(reader, metrics)
        except ClientError as error:
            raise reading_failed(error) from error
        except RestoreError as error:
            raise InvariantError(f"{self._parameters} does not fit its own configuration: {error}") from error
        finally:
            if self._anew is not None:
                self._anew.cancel()

    @property
    def ready(self) -> bool:
        """Whether everything has been applied that was there at the start; stays true."""
        return self._ready

    def readiness(self) -> Readiness:
        """How far everything has been read, and how old it is."""
        reader, commit = self._reader, self._replica.commit
        age = (now_ms() - commit.time_ms) / 1000 if commit else None
        if reader is None:
            waiting = [f"Kafka at {self._kafka.bootstrap_servers}"]
            return Readiness(self._ready, waiting, 0, [], None, age)
        missing, lag = reader.waiting_for(), reader.lag()
        return Readiness(
            ready=self._ready,
            waiting_for=[] if self._ready else [f"{topic}: {count} records" for topic, count in missing.items()],
            remaining=sum(missing.values()),
            topics=[TopicState(topic, lag[topic], topic not in missing) for topic in self._topics],
            silent_s=reader.silent_s(),
            version_age_s=age,
        )

    async def _step(self, reader: ChangelogReader, metrics: Metrics) -> None:
        records = await reader.poll(POLL_RECORDS, POLL_MS)
        if self.on_records is not None:
            self.on_records(records)
        await self._apply([record for record in records if record.topic != self._parameters], metrics)
        self._unread += [one for one in records if one.topic == self._parameters and one.offset >= self._taken]
        await self._go_on(self._parameters not in reader.waiting_for(), metrics)
        metrics.read(records)
        if reader.ready and not self._ready:
            self._become_ready()
        self._pulse.look(reader.positions, behind=self._behind(reader))

    def _behind(self, reader: ChangelogReader) -> bool:
        """Whether there is more to read now. Without Kafka there is not: answers go on, from what was read before."""
        if not self._ready:
            return True
        return reader.silent_s() < SILENT_S and any(reader.lag().values())

    def _version_due(self) -> bool:
        return time.monotonic() - self._activated >= self._interval_s

    async def _apply(self, records: Sequence[Record], metrics: Metrics) -> None:
        for piece in _pieces(records):
            begin = time.perf_counter()
            self._replica.apply(piece)
            metrics.took("rows", time.perf_counter() - begin)
            if self._ready:
                filed = [record.timestamp for record in piece if record.topic == self._index_topic]
                if filed:
                    metrics.visible((now_ms() - min(filed)) / 1000)
            await asyncio.sleep(0)

    async def _go_on(self, complete: bool, metrics: Metrics) -> None:  # noqa: FBT001 - as `Versions.feed` has it
        """To the next version that is whole, if there is one; to that of another configuration once it is read anew."""
        if self._anew is not None:
            if self._anew.done():
                await self._exchange(self._anew.result(), metrics)
                self._anew = None
            return
        pairs = [(record.key, record.value) for record in self._unread]
        self._unread.clear()
        version = self._versions.feed(pairs, complete=complete and self._version_due())
        if version is None:
            return
        model = self._replica.model
        if model is not None and model.config != version.config:
            log.info("configuration changed, reading all parameters again", version=version.commit.version)
            reading = read_anew(self._kafka, self._parameters, POLL_RECORDS, POLL_MS, self._stall_s)
            self._anew = asyncio.create_task(reading)
            return
        await self._activate(lambda: self._replica.activate(*version), metrics)

    async def _exchange(self, whole: Whole, metrics: Metrics) -> None:
        self._versions, self._taken = whole.versions, whole.position
        self._unread = [record for record in self._unread if record.offset >= self._taken]
        await self._activate(lambda: self._replica.exchange(whole.model, whole.commit), metrics)
        log.info("model of another configuration", version=whole.commit.version)

    async def _activate(self, take_over: Callable[[], None], metrics: Metrics) -> None:
        async with self._replica.steady:
            begin = time.perf_counter()
            take_over()
            self._activated = time.monotonic()
            metrics.took("version", time.perf_counter() - begin)
        if self._replica.vectors is not None:
            for _ in self._replica.vectors.ahead():
                await asyncio.sleep(0)

    def _become_ready(self) -> None:
        # What was read stays: a full collection over millions of rows would hold queries up for seconds.
        gc.collect()
        gc.freeze()
        self._ready = True
        stats = {"items": len(self._replica.items), "users": len(self._replica.histories)}
        log.info("ready", version=self._replica.commit.version if self._replica.commit else 0, **stats)


def _pieces(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    for start in range(0, len(records), SLICE):
        yield records[start : start + SLICE]
