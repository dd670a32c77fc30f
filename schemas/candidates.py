"""Candidates: items that applications publish, change and delete."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from schemas.event_fields import (
    Attributes,
    Features,
    FeatureValue,
    Id,
    Whole,
    check_attributes,
    checked_id,
    checked_timestamp,
    key_id,
)
from schemas.limits import LIMITS
from schemas.rejection import EventError, Reason, event_error
from schemas.tally import Tally


class Candidate(msgspec.Struct, frozen=True):
    """An item that may be shown: what the model sees (`features`), what filters and people see (`attributes`)."""

    item_id: str
    timestamp: int
    features: dict[str, FeatureValue]
    attributes: dict[str, Any]


class Deletion(msgspec.Struct, frozen=True):
    """An item that may no longer be shown."""

    item_id: str


class Body(msgspec.Struct):
    """A candidate as it is written."""

    item_id: Id | UnsetType = UNSET
    timestamp: Whole | UnsetType = UNSET
    features: Features | None = None
    attributes: Attributes | None = None


class _StrictBody(Body, forbid_unknown_fields=True):
    """What nearly all candidates are: nothing to count."""


_strict = msgspec.json.Decoder(_StrictBody)
_lenient = msgspec.json.Decoder(Body)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_candidate(
    key: bytes | None, value: bytes | None, now_ms: int, tally: Tally | None = None
) -> Candidate | Deletion:
    """The item in one record. Its id is in the body, in the key, or the same in both; a null value deletes it.

    Args:
        key: the record's key.
        value: the record's value.
        now_ms: wall clock, ms since 1970; the time of candidates that have none.
        tally: where skipped fields are counted.

    Raises:
        EventError: it cannot be taken.
    """
    if value is None:
        return Deletion(key_id(key, "item_id"))
    if len(value) > LIMITS.value_bytes:
        raise EventError(Reason.TOO_LARGE, f"{len(value)} bytes, {LIMITS.value_bytes} are allowed")
    body = _body(value, tally or Tally())
    item_id = checked_id(body.item_id, key, "item_id")
    if key is not None and item_id.encode() != key:
        raise EventError(Reason.ID_MISMATCH, f"item_id is {item_id!r}, the key is {key[: LIMITS.id_bytes]!r}")
    attributes = body.attributes or {}
    check_attributes(attributes)
    timestamp = now_ms if body.timestamp is UNSET else checked_timestamp(body.timestamp, now_ms)
    return Candidate(item_id, timestamp, body.features or {}, attributes)


def _body(value: bytes, tally: Tally) -> Body:
    try:
        return _strict.decode(value)
    except (ValueError, RecursionError):
        pass
    try:
        body = _lenient.decode(value)
        tally.unknown_fields += len(_fields.decode(value).keys() - Body.__struct_fields__)
    except (ValueError, RecursionError) as error:
        raise event_error(error, value) from error
    return body
