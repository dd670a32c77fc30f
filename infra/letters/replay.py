"""Publishes the events of dead letters again: each once, however often and wherever this is run or dies.

Events and the marks that they were published go into one transaction. Whoever replays fences whoever did before, and
only then reads which letters are marked: two at once cannot publish one event twice.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from infra.letters.found import Letters, Wanted
from schemas.dead_letters import REPLAY_OF, DeadLetter, encode_mark
from schemas.errors import FencedError, UnreachableError
from schemas.kafka import connection
from schemas.limits import LIMITS, RECORDS
from schemas.settings import Settings
from tables.transaction import Record, fenced, publish

AT_A_TIME, BYTES_AT_A_TIME = 500, 4 << 20


@dataclass(slots=True)
class Replayed:
    """What became of the letters that were wanted; `refused` by reason."""

    published: int = 0
    before: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Batch:
    records: dict[TopicPartition, list[Record]] = field(default_factory=dict)
    count: int = 0
    size: int = 0

    def add(self, letter: DeadLetter, letters: TopicPartition) -> None:
        event = Record(letter.key, letter.value, [(REPLAY_OF, letter.place.encode())])
        self.records.setdefault(TopicPartition(letter.topic, letter.partition), []).append(event)
        self.records.setdefault(letters, []).append(Record(*encode_mark(letter)))
        self.count += 1
        self.size += len(letter.value or b"") + len(letter.key or b"")

    @property
    def full(self) -> bool:
        return self.count >= AT_A_TIME or self.size >= BYTES_AT_A_TIME


async def replay(
    settings: Settings, wanted: Wanted, limit: int | None = None, *, again: bool = False, dry_run: bool = False
) -> Replayed:
    """Publish the events of the letters that are wanted, the oldest first, at most `limit` of them.

    With `again` also events that were replayed before and not taken again; with `dry_run` nothing is published.

    Raises:
        FencedError: another replay began meanwhile.
        UnreachableError: Kafka broke off.
    """
    if dry_run:
        return await _replay(settings, None, wanted, limit, again=again)
    try:
        async with fenced(connection(settings.kafka), f"{settings.topics.dead_letters}-replay") as producer:
            return await _replay(settings, producer, wanted, limit, again=again)
    except (ProducerFenced, InvalidProducerEpoch) as error:
        raise FencedError("another replay began meanwhile; what is left to publish is left to it") from error
    except KafkaError as error:
        raise UnreachableError(
            f"cut off: {error!r}. Run it again: what was published is marked, and stays once"
        ) from error


def refusal(settings: Settings, letter: DeadLetter, *, again: bool = False) -> str | None:
    """Why an event cannot be published again, None if it can."""
    if letter.topic not in {settings.topics.exposures, settings.topics.candidates}:
        return "not of a topic that workers read"
    if letter.cut_from is not None or len(letter.key or b"") >= RECORDS.key_bytes:
        return "cut, the whole of it is not here"
    if len(letter.value or b"") > LIMITS.value_bytes:
        return "too large to be taken"
    if letter.value is None and letter.topic == settings.topics.exposures:
        return "without a value"
    if letter.replay_of is not None and not again:
        return "failed again after a replay, see --again"
    return None


async def _replay(settings: Settings, producer: Any, wanted: Wanted, limit: int | None, *, again: bool) -> Replayed:
    marked, done, batch = await _marked(settings), Replayed(), _Batch()
    place = TopicPartition(settings.topics.dead_letters, 0)
    async for _, letter in Letters(settings).read(wanted):
        if letter.place in marked:
            done.before += 1
        elif reason := refusal(settings, letter, again=again):
            done.refused[reason] += 1
        elif limit is None or done.published < limit:
            marked.add(letter.place)  # a letter may be there twice
            batch.add(letter, place)
            done.published += 1
        if batch.full:
            batch = await _publish(producer, batch, place.topic)
    await _publish(producer, batch, place.topic)
    return done


async def _publish(producer: Any, batch: _Batch, group: str) -> _Batch:
    if producer is not None and batch.count:
        await publish(producer, batch.records, {}, group)
    return _Batch()


async def _marked(settings: Settings) -> set[str]:
    letters = Letters(settings)
    async for _ in letters.read(Wanted(place="")):  # none: only the marks are wanted
        pass
    return letters.replayed
