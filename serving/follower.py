"""Keeps the replica up with Kafka."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import structlog
from streamvq_client.errors import ClientError
from streamvq_client.live_reader import LiveReader
from streamvq_client.record import Record

from pipeline.errors import RestoreError
from schemas.errors import InvariantError
from schemas.http_state import Readiness, TopicState
from schemas.kafka import connection
from schemas.settings import Settings
from serving.anew import SILENT_S
from serving.errors import reading_failed
from serving.metrics import Metrics
from serving.model_follower import ModelFollower
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

    Where everything has to be read anew, answers go on from what was read before, as they do while Kafka is away.

    Args:
        settings: where Kafka is.
        replica: what is kept up.
        pulse: beats as long as that gets on, or there is nothing to do.
    """

    def __init__(self, settings: Settings, replica: Replica, pulse: Pulse) -> None:
        self._settings = settings
        self._parameters = settings.topics.parameters
        self._index_topic = settings.topics.item_index_changelog
        self._replica = replica
        self._pulse = pulse
        self._topics = [self._parameters, *replica.topics]
        self._reader: LiveReader | None = None
        self._readings = 1
        self._ready = False
        self.on_records: Callable[[Sequence[Record]], None] | None = None
        """Told of everything that was read, before any of it takes effect; not of what is read once more."""

    async def run(self, metrics: Metrics) -> None:
        """Follow until cancelled.

        Raises:
            StreamVQError: the replica cannot be kept up any more; the process has to end.
        """
        self._pulse.beat()
        model = ModelFollower(self._settings, self._replica, metrics)
        try:
            tables, streams = self._replica.topics, [self._parameters]
            async with LiveReader(
                connection(self._settings.kafka), tables, self._replica.held, streams=streams
            ) as reader:
                self._reader = reader
                while True:
                    await self._step(reader, model, metrics)
        except ClientError as error:
            raise reading_failed(error) from error
        except RestoreError as error:
            raise InvariantError(f"{self._parameters} does not fit its own configuration: {error}") from error
        finally:
            model.stop()

    @property
    def ready(self) -> bool:
        """Whether everything has been applied that was there at the start; stays true."""
        return self._ready

    def readiness(self) -> Readiness:
        """How far everything has been read, and how old it is."""
        reader, commit = self._reader, self._replica.commit
        age = (now_ms() - commit.time_ms) / 1000 if commit else None
        if reader is None:
            waiting = [f"Kafka at {self._settings.kafka.bootstrap_servers}"]
            return Readiness(self._ready, waiting, 0, [], None, age)
        missing, lag = reader.waiting_for(), reader.lag()
        waits = reader.reading_anew or not self._ready
        return Readiness(
            ready=self._ready,
            waiting_for=[f"{topic}: {count} records" for topic, count in missing.items()] if waits else [],
            remaining=sum(missing.values()),
            topics=[TopicState(topic, lag[topic], topic not in missing) for topic in self._topics],
            silent_s=reader.silent_s(),
            version_age_s=age,
        )

    async def _step(self, reader: LiveReader, model: ModelFollower, metrics: Metrics) -> None:
        records = await reader.poll(POLL_RECORDS, POLL_MS)
        if reader.readings != self._readings:
            self._readings = reader.readings
            model.begin_anew()
            metrics.reading()
        if self.on_records is not None and not reader.reading_anew:
            self.on_records(records)
        await self._apply([one for one in records if one.topic != self._parameters], reader, metrics)
        complete = self._parameters not in reader.waiting_for()
        await model.take([one for one in records if one.topic == self._parameters], complete=complete)
        metrics.read(records)
        if reader.ready and not self._ready:
            self._become_ready()
        self._pulse.look((reader.positions, reader.returned), behind=self._behind(reader))

    def _behind(self, reader: LiveReader) -> bool:
        """Whether there is more to read now. Without Kafka there is not: answers go on, from what was read before."""
        if not self._ready:
            return True
        return reader.silent_s() < SILENT_S and any(reader.lag().values())

    async def _apply(self, records: Sequence[Record], reader: LiveReader, metrics: Metrics) -> None:
        for piece in _pieces(records):
            begin = time.perf_counter()
            self._replica.apply(piece)
            metrics.took("rows", time.perf_counter() - begin)
            if self._ready and not reader.reading_anew:
                filed = [record.timestamp for record in piece if record.topic == self._index_topic]
                if filed:
                    metrics.visible((now_ms() - min(filed)) / 1000)
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
