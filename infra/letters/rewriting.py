"""The dead letters without those about one user: Kafka deletes the beginning of a topic, never a record within it."""

import time

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from streamvq_client.errors import FormatError, NewerFormatError
from streamvq_client.record import Record as Read
from streamvq_client.snapshot import read_topic

from infra.reach import administration
from schemas.dead_letters import DeadLetter, arrival_ms, decode_dead_letter, with_arrival
from schemas.kafka import connection
from schemas.mentions import mentions
from schemas.settings import Settings
from schemas.topics import HOUR_MS
from tables.offsets import reader
from tables.transaction import Record, fenced, publish

COPIED_AT_A_TIME = 1000

Identity = tuple[str, int, int, int | None]


async def rewrite_without(settings: Settings, user: str) -> None:
    """Write all letters but those about the user behind the end, then delete what was before it.

    Each letter is copied once, with the time when it arrived. One that a run which died had copied already is there
    twice, and is copied once again. One past its retention is not copied, for erasing users must not keep letters for
    ever. Letters that arrive meanwhile lie behind the old end and stay.
    """
    place = TopicPartition(settings.topics.dead_letters, 0)
    oldest_ms = time.time_ns() // 1_000_000 - 2 * settings.kafka.retention_hours * HOUR_MS
    arguments = connection(settings.kafka)
    async with fenced(arguments, f"{place.topic}-rewriting") as producer:
        async with reader(arguments) as consumer:
            end = (await consumer.end_offsets([place]))[place]
        kept, copied = list[Record](), set[Identity]()
        async for record in read_topic(arguments, place.topic):
            letter = _letter(record)
            if (
                record.offset < end
                and arrival_ms(record) >= oldest_ms
                and not _left_out(settings, letter, user, copied)
            ):
                kept.append(Record(record.key, record.value, with_arrival(record)))
            if len(kept) == COPIED_AT_A_TIME:
                await publish(producer, {place: kept}, {}, place.topic)
                kept = []
        if kept:
            await publish(producer, {place: kept}, {}, place.topic)
        async with administration(settings.kafka) as admin:
            await admin.delete_records({place: RecordsToDelete(before_offset=end)})


async def count_letters_about(settings: Settings, user: str) -> int:
    """Letters that are there now and are about the user."""
    letters = [
        letter
        async for record in read_topic(connection(settings.kafka), settings.topics.dead_letters)
        if (letter := _letter(record)) is not None and _about(settings, letter, user)
    ]
    return len({_identity(letter) for letter in letters})


def _left_out(settings: Settings, letter: DeadLetter | None, user: str, copied: set[Identity]) -> bool:
    if letter is None:  # of another program: not ours to judge
        return False
    if _about(settings, letter, user) or _identity(letter) in copied:
        return True
    copied.add(_identity(letter))
    return False


def _about(settings: Settings, letter: DeadLetter, user: str) -> bool:
    return letter.topic != settings.topics.candidates and mentions(letter, user)  # there keys are items


def _identity(letter: DeadLetter) -> Identity:
    return letter.topic, letter.partition, letter.offset, letter.index


def _letter(record: Read) -> DeadLetter | None:
    try:
        return decode_dead_letter(record.key, record.value, record.headers)
    except NewerFormatError:  # what cannot be read cannot be judged
        raise
    except FormatError:
        return None
