"""Dead letters: events that were not taken, kept with the reason for the people who sent them.

Key and value are the original bytes (of an array, the element's); headers say why, and where the record came from.
The header `v` is the version of this format; there was none in version 1, and no `replay-of` in version 2.

A letter whose event was published again is followed by a mark, a record without a value that names the letter. Letter,
event and mark name each other by the letter's place, which stays what it is when letters are copied.
"""

from collections.abc import Iterable
from typing import Protocol

import msgspec
from streamvq_client.errors import FormatError, NewerFormatError
from streamvq_client.record import Record
from streamvq_client.versioned import VERSION, check_version

from schemas.limits import LIMITS, RECORDS
from schemas.rejection import Rejected

FORMAT = 3
REPLAYED = "replayed"  # header of a mark: the place of the letter
REPLAY_OF = "replay-of"  # header of an event that was published again: the place of its letter
ARRIVED = "arrived"  # header of a copy: when the letter was written first

Headers = list[tuple[str, bytes]]
DeadLetterRecord = tuple[bytes | None, bytes | None, Headers]


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that was not taken.

    Attributes:
        reason: one of `schemas.rejection.Reason`, or a word a newer release knows.
        detail: where and what, for people.
        topic, partition, offset: the record it came in.
        index: its place in the array the record held, None if the record was rejected as a whole.
        key: of the record.
        value: the event's bytes, None for a record without a value.
        cut_from: bytes the value had, if it was too long to keep all of them.
        replay_of: place of the letter whose event this is, published again and not taken again.
    """

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    index: int | None = None
    cut_from: int | None = None
    replay_of: str | None = None

    @property
    def place(self) -> str:
        """Where the event came from: `topic[partition]@offset`, and `#index` in an array."""
        index = "" if self.index is None else f"#{self.index}"
        return f"{self.topic}[{self.partition}]@{self.offset}{index}"


class Source(Protocol):
    """The record that an event came in."""

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Iterable[tuple[str, bytes]] | None: ...  # noqa: D102


def dead_letter(rejected: Rejected, source: Source) -> DeadLetter:
    """The letter for what a decoder rejected of this record."""
    replayed = dict(source.headers or ()).get(REPLAY_OF)
    return DeadLetter(
        str(rejected.reason),
        rejected.detail,
        source.topic,
        source.partition,
        source.offset,
        source.key,
        rejected.value,
        rejected.index,
        replay_of=None if replayed is None else replayed.decode(errors="replace"),
    )


def encode_dead_letter(letter: DeadLetter) -> DeadLetterRecord:
    """Key, value and headers as they are written to Kafka. What is too long to be written is cut, and says so."""
    headers: Headers = [
        (VERSION, b"%d" % FORMAT),
        ("reason", letter.reason.encode()),
        # Part of an event may be in it, also a character that UTF-8 has no bytes for.
        ("detail", letter.detail[: RECORDS.detail_length].encode(errors="replace")),
        ("topic", letter.topic.encode()),
        ("partition", b"%d" % letter.partition),
        ("offset", b"%d" % letter.offset),
    ]
    if letter.index is not None:
        headers.append(("index", b"%d" % letter.index))
    key, value, cut_from = letter.key, letter.value, letter.cut_from
    if value is not None and len(value) > LIMITS.value_bytes:
        value, cut_from = value[: LIMITS.value_bytes], len(value)
    if cut_from is not None:
        headers.append(("cut_from", b"%d" % cut_from))
    if letter.replay_of is not None:
        headers.append((REPLAY_OF, letter.replay_of.encode(errors="replace")))
    return key[: RECORDS.key_bytes] if key is not None else None, value, headers


def decode_dead_letter(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> DeadLetter:
    """The letter in this record; FormatError if it is none."""
    given = dict(headers)
    try:
        check_version("dead letter", int(given.get(VERSION, b"1")), FORMAT)
        return DeadLetter(
            reason=given["reason"].decode(),
            detail=given.get("detail", b"").decode(errors="replace"),
            topic=given["topic"].decode(),
            partition=int(given["partition"]),
            offset=int(given["offset"]),
            key=key,
            value=value,
            index=_number(given.get("index")),
            cut_from=_number(given.get("cut_from")),
            replay_of=given[REPLAY_OF].decode() if REPLAY_OF in given else None,
        )
    except NewerFormatError:
        raise
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise FormatError(f"not a dead letter: headers {sorted(given)}: {error}") from error


def arrival_ms(record: Record) -> int:
    """When the letter was written first, ms since 1970: of a copy, not when it was copied."""
    arrived = dict(record.headers).get(ARRIVED, b"")
    return int(arrived) if arrived.isdigit() else record.timestamp


def with_arrival(record: Record) -> Headers:
    """The headers for a copy of the letter."""
    return [*(header for header in record.headers if header[0] != ARRIVED), (ARRIVED, b"%d" % arrival_ms(record))]


def encode_mark(letter: DeadLetter) -> DeadLetterRecord:
    """The record that says that the letter's event was published again. It has no key: it is about no user."""
    return None, None, [(VERSION, b"%d" % FORMAT), (REPLAYED, letter.place.encode())]


def decode_mark(headers: Iterable[tuple[str, bytes]]) -> str | None:
    """Place of the letter that this record says was replayed; None if it is no mark."""
    place = dict(headers).get(REPLAYED)
    return None if place is None else place.decode(errors="replace")


def _number(text: bytes | None) -> int | None:
    return None if text is None else int(text)
