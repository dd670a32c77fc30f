"""Publishes recorded events, each once however often it is begun: how far it came stands in Kafka, with the events."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from aiokafka import TopicPartition
from streamvq_client.partitioner import partition_of

from infra.event_files import EventFile, Published
from schemas.kafka import connection
from schemas.settings import Settings
from tables.offsets import committed_offsets
from tables.transaction import Record, fenced, publish

EVENTS_A_TRANSACTION = 20_000
PORTION_S = 0.25  # of events at a given rate: a transaction takes some milliseconds
# An array is one record: far below a topic's 1 MiB, and what a trainer decodes between two looks at the clock.
EVENTS_A_RECORD, BYTES_A_RECORD = 256, 256 * 1024

Show = Callable[[float], None]


class Outcome(NamedTuple):
    """Events that were there already, events published now, and the seconds that took."""

    before: int
    published: int
    seconds: float


async def publish_events(
    settings: Settings,
    events: EventFile,
    partitions: int,
    *,
    again: bool = False,
    rate: float | None = None,
    show: Show = lambda _: None,
) -> Outcome:
    """Publish them in order, those of a user into their home partition, many in one record; `rate` a second at most.

    A transaction carries some thousand events and, as the offset of a group that nobody is a member of, how many events
    of this file are published. So a run that died is gone on with exactly where it was. Kafka forgets such a group's
    offsets after `offsets.retention.minutes`, a week by default.

    Raises:
        SettingsError: the file cannot be read to its end; what was published stands.
        FencedError: the same file is being published by another process, too.
    """
    name = f"{settings.topics.exposures}-file-{events.digest()}"
    mark, arguments = TopicPartition(settings.topics.exposures, 0), connection(settings.kafka)
    async with fenced(arguments, name) as producer:  # first: a run that is still alive commits nothing from here on
        before = done = 0 if again else (await committed_offsets(arguments, name, [mark]))[mark] or 0
        begun = time.monotonic()
        size = EVENTS_A_TRANSACTION if rate is None else min(max(1, round(rate * PORTION_S)), EVENTS_A_TRANSACTION)
        for share, some in _portions(events.read(done), size):
            if rate is not None:
                await asyncio.sleep(max(0.0, begun + (done - before) / rate - time.monotonic()))
            done += len(some)
            await publish(producer, _records(settings, some, partitions), {mark: done}, name)
            show(share)
    return Outcome(before, done - before, time.monotonic() - begun)


def _portions(events: Iterator[tuple[float, Published]], size: int) -> Iterator[tuple[float, list[Published]]]:
    some: list[Published] = []
    share = 0.0
    for share, event in events:
        some.append(event)
        if len(some) == size:
            yield share, some
            some = []
    if some:
        yield share, some


def _records(settings: Settings, events: list[Published], partitions: int) -> dict[TopicPartition, list[Record]]:
    topics = settings.topics
    records: dict[TopicPartition, list[Record]] = {}
    exposures: dict[int, list[bytes]] = {}
    for event in events:
        if event.user is not None:
            exposures.setdefault(partition_of(event.user.encode(), partitions), []).append(event.body)
        else:
            key = None if event.item is None else event.item.encode()
            place = TopicPartition(topics.candidates, partition_of(key or b"", partitions))
            records.setdefault(place, []).append(Record(key, event.body))
    for partition, bodies in exposures.items():
        records[TopicPartition(topics.exposures, partition)] = [Record(None, array) for array in _arrays(bodies)]
    return records


def _arrays(bodies: list[bytes]) -> Iterator[bytes]:
    some: list[bytes] = []
    size = 0
    for body in bodies:
        if some and (len(some) == EVENTS_A_RECORD or size + len(body) > BYTES_A_RECORD):
            yield b"[" + b",".join(some) + b"]"
            some, size = [], 0
        some.append(body)
        size += len(body) + 1
    if some:
        yield b"[" + b",".join(some) + b"]"
