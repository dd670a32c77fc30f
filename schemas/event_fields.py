"""The checks of an event that types cannot make; the types are `streamvq_client.event_types`."""

from typing import Any

from msgspec import UnsetType
from streamvq_client.event_types import Attributes, Features, FeatureValue, Id, Labels, Whole

from schemas.limits import LIMITS
from schemas.rejection import EventError, Reason

__all__ = [
    "Attributes",
    "FeatureValue",
    "Features",
    "Id",
    "Labels",
    "Whole",
    "check_attributes",
    "checked_id",
    "checked_timestamp",
    "key_id",
]


def checked_id(value: str | int | UnsetType, key: bytes | None, field: str) -> str:
    """The id a field holds, else the record's key; EventError if neither does, or it is too long."""
    if isinstance(value, UnsetType):
        return key_id(key, field)
    text = value if isinstance(value, str) else str(value)
    if not text:
        raise EventError(Reason.MISSING_ID, f"{field} is empty")
    # An ASCII id is as many bytes as characters, and those the decoder has counted.
    if not text.isascii() and len(text.encode()) > LIMITS.id_bytes:
        raise EventError(Reason.TOO_LARGE, f"{field} has {len(text.encode())} bytes, {LIMITS.id_bytes} are allowed")
    return text


def key_id(key: bytes | None, field: str) -> str:
    """The id a record's key holds; EventError if it holds none."""
    if not key:
        raise EventError(Reason.MISSING_ID, f"no {field}, and the record has no key")
    if len(key) > LIMITS.id_bytes:
        raise EventError(Reason.TOO_LARGE, f"key of {len(key)} bytes, {LIMITS.id_bytes} are allowed")
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise EventError(Reason.MISSING_ID, f"no {field}, and the key {key[:32]!r} is not UTF-8") from error


def checked_timestamp(value: int | UnsetType, now_ms: int) -> int:
    """A time in ms since 1970 within the limits; EventError otherwise."""
    if isinstance(value, UnsetType):
        raise EventError(Reason.BAD_TIMESTAMP, "no timestamp")
    if LIMITS.oldest_ms <= value <= now_ms + LIMITS.ahead_ms:
        return value
    hint = ", it looks like seconds" if LIMITS.oldest_ms <= value * 1000 <= now_ms + LIMITS.ahead_ms else ""
    raise EventError(Reason.BAD_TIMESTAMP, f"{value} is not a time in milliseconds between 1990 and tomorrow{hint}")


def check_attributes(attributes: dict[str, Any]) -> None:
    """EventError if they are nested too deeply, too many, or hold a number that no column can hold."""
    inside: list[Any] = [attributes]
    count = 0
    for _ in range(LIMITS.depth):
        inside = [child for one in inside for child in (one.values() if isinstance(one, dict) else one)]
        count += len(inside)
        if count > LIMITS.values:
            raise EventError(Reason.TOO_LARGE, f"attributes hold more than {LIMITS.values} values")
        if any(isinstance(one, int) and not -(2**63) <= one < 2**63 for one in inside):
            raise EventError(Reason.NOT_FINITE, "a number in the attributes has more than 64 bits")
        inside = [one for one in inside if isinstance(one, dict | list)]
    if inside:
        raise EventError(Reason.TOO_LARGE, f"attributes are nested deeper than {LIMITS.depth}")
