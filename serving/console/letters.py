"""The newest dead letters, read from Kafka when somebody asks."""

import asyncio
import base64
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import replace
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from streamvq_client.errors import FormatError
from streamvq_client.record import Record

from schemas.dead_letters import arrival_ms, decode_dead_letter, decode_mark
from schemas.http_console import Letter, Letters
from schemas.kafka import KafkaSettings, connection
from serving.problems import ProblemError

DEADLINE_S: Final = 5.0
FRESH_S: Final = 2.0
WINDOWS: Final = (4, 32)
"""Offsets looked at for each letter wanted: most offsets hold a letter, the others marks and transactions' ends."""
FETCHED: Final = {"max_partition_fetch_bytes": 1 << 20, "fetch_max_wait_ms": 200}
SHOWN_BYTES: Final = 2000
SHOWN_KEY: Final = 256


class LetterBox:
    """Reads the end of the topic, one caller at a time; whoever asks within `FRESH_S` gets what the last one got.

    Args:
        kafka: where Kafka is.
        topic: of the dead letters.
    """

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._kafka, self._topic = kafka, topic
        self._lock = asyncio.Lock()
        self._last: tuple[float, int, Letters] | None = None

    async def newest(self, limit: int) -> Letters:
        """At most so many, latest first.

        Raises:
            ProblemError: Kafka did not answer in time.
        """
        try:
            async with asyncio.timeout(DEADLINE_S), self._lock:
                if self._last is None or self._last[1] != limit or time.monotonic() - self._last[0] > FRESH_S:
                    self._last = (time.monotonic(), limit, await self._read(limit))
                return self._last[2]
        except (KafkaError, OSError, TimeoutError) as error:
            detail = f"Kafka did not hand over the dead letters within {DEADLINE_S:g} s. {error}".strip()
            raise ProblemError(
                503, "kafka_unreachable", detail, "Try again; /readyz says whether Kafka answers."
            ) from error

    async def _read(self, limit: int) -> Letters:
        consumer = AIOKafkaConsumer(**(FETCHED | connection(self._kafka)), isolation_level="read_committed")
        try:
            await consumer.start()
            place = TopicPartition(self._topic, 0)
            begin = (await consumer.beginning_offsets([place]))[place]
            end = (await consumer.end_offsets([place]))[place]
            consumer.assign([place])
            for window in WINDOWS:
                first = max(begin, end - window * limit)
                kept = Kept(limit)
                await _read_between(consumer, place, first, end, kept)
                found = kept.shown(looked=end - first, complete=first == begin)
                if len(found.letters) == limit or found.complete:
                    break
            return found
        finally:
            with suppress(KafkaError, OSError):
                await consumer.stop()


async def _read_between(consumer: AIOKafkaConsumer, place: TopicPartition, first: int, end: int, kept: "Kept") -> None:
    consumer.seek(place, first)
    while await consumer.position(place) < end:
        for record in (await consumer.getmany(place, timeout_ms=200)).get(place, []):
            if record.offset < end:
                kept.take(record)


class Kept:
    """What is kept of letters that are read one after the other: the beginnings of the last few."""

    def __init__(self, limit: int) -> None:
        self._letters: deque[Letter] = deque(maxlen=limit)
        self._replayed: set[str] = set()
        self._reasons: Counter[str] = Counter()
        self._foreign = 0

    def take(self, record: Record) -> None:
        """The next record of the topic."""
        if mark := decode_mark(record.headers):
            self._replayed.add(mark)
            return
        try:
            letter = decode_dead_letter(record.key, record.value, record.headers)
        except FormatError:
            self._foreign += 1
            return
        self._reasons[letter.reason] += 1
        length = letter.cut_from or len(letter.value or b"")
        key, key_base64 = _text(letter.key, SHOWN_KEY)
        value, value_base64 = _text(letter.value, SHOWN_BYTES)
        self._letters.append(
            Letter(
                time=arrival_ms(record),
                reason=letter.reason,
                detail=letter.detail,
                place=letter.place,
                replayed=False,
                key=key,
                key_base64=key_base64,
                value=value,
                value_base64=value_base64,
                value_bytes=length,
            )
        )

    def shown(self, *, looked: int, complete: bool) -> Letters:
        """Latest first."""
        letters = [replace(letter, replayed=letter.place in self._replayed) for letter in reversed(self._letters)]
        return Letters(letters, dict(self._reasons.most_common()), looked, complete, self._foreign)


def _text(whole: bytes | None, most: int) -> tuple[str | None, str | None]:
    """The beginning as text, else as base64."""
    if whole is None:
        return None, None
    try:
        return _decoded(whole[:most]), None
    except UnicodeDecodeError:
        return None, base64.b64encode(whole[:most]).decode()


def _decoded(part: bytes) -> str:
    """Text, less the character that was cut in two at the end."""
    try:
        return part.decode()
    except UnicodeDecodeError as error:
        if error.start < len(part) - 3:
            raise
        return part[: error.start].decode()
