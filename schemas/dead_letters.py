"""Dead letters: events that were not taken, kept with the reason for the people who sent them.

Key and value are the original bytes (of an array, the element's); headers say why, and where the record came from.
The header `v` is the version of this format; there was none in version 1.
"""

from collections.abc import Iterable

import msgspec
from streamvq_client.errors import FormatError, NewerFormatError
from streamvq_client.record import Record
from streamvq_client.versioned import VERSION, check_version

from schemas.limits import LIMITS
from schemas.rejection import Rejected

FORMAT = 2
KEY_BYTES = 64 * 1024
DETAIL_LENGTH = 1000
ARRIVED = "arrived"

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


def dead_letter(rejected: Rejected, topic: str, partition: int, offset: int, key: bytes | None) -> DeadLetter:
    """The letter for what a decoder rejected of this record."""
    return DeadLetter(
        str(rejected.reason), rejected.detail, topic, partition, offset, key, rejected.value, rejected.index
    )


def encode_dead_letter(letter: DeadLetter) -> DeadLetterRecord:
    """Key, value and headers as they are written to Kafka. What is too long to be written is cut, and says so."""
    headers: Headers = [
        (VERSION, b"%d" % FORMAT),
        ("reason", letter.reason.encode()),
        # Part of an event may be in it, also a character that UTF-8 has no bytes for.
        ("detail", letter.detail[:DETAIL_LENGTH].encode(errors="replace")),
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
    return key[:KEY_BYTES] if key is not None else None, value, headers


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


def _number(text: bytes | None) -> int | None:
    return None if text is None else int(text)
