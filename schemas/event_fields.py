"""The parts of events: their types with limits, checked while decoding, and the checks that types cannot make."""

from typing import Annotated, Any

from msgspec import Meta, UnsetType

from schemas.limits import LIMITS
from schemas.rejection import EventError, Reason

Text = Annotated[str, Meta(max_length=LIMITS.text_length)]
Name = Annotated[str, Meta(max_length=LIMITS.id_bytes)]
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Real = Annotated[float, Meta(ge=-LIMITS.number, le=LIMITS.number)]

Id = Name | Whole
FeatureValue = (
    Text | Whole | Real | bool | None | Annotated[list[Text | Whole | Real | bool], Meta(max_length=LIMITS.list_length)]
)
Features = Annotated[dict[Name, FeatureValue], Meta(max_length=LIMITS.features)]
Labels = Annotated[dict[Name, Real | bool | None], Meta(max_length=LIMITS.features)]
Attributes = Annotated[dict[Name, Any], Meta(max_length=LIMITS.features)]


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


def check_attributes(value: Any, depth: int) -> None:
    """EventError if JSON is nested deeper than this, or holds a number that no column can hold."""
    if isinstance(value, dict | list):
        if depth == 0:
            raise EventError(Reason.TOO_LARGE, f"attributes are nested deeper than {LIMITS.depth}")
        for child in value.values() if isinstance(value, dict) else value:
            check_attributes(child, depth - 1)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise EventError(Reason.NOT_FINITE, "a number in the attributes has more than 64 bits")
