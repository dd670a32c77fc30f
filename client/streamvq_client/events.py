"""The two events that applications publish, checked before they are sent: bytes out, or an error that says what to do.

What is wrong in an event that comes by another way is found by the workers, and becomes a dead letter.
"""

import math
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from streamvq_client.errors import EventError
from streamvq_client.event_types import Attributes, Features, FeatureValue, Id, Labels, Whole
from streamvq_client.limits import LIMITS

Body = TypeVar("Body", bound=msgspec.Struct)


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """An item that was shown to a user, and what came of it; publish it when the outcome is known.

    Attributes:
        user_id: who saw it.
        item_id: what was shown.
        timestamp: when, in milliseconds since 1970 or as a datetime with a time zone.
        labels: task -> outcome, such as {"click": 1, "watch_s": 31.5}.
        user: features of the user.
        context: features of the moment.
    """

    user_id: str | int
    item_id: str | int
    timestamp: int | datetime
    labels: Mapping[str, float | bool | None] = {}
    user: Mapping[str, FeatureValue] = {}
    context: Mapping[str, FeatureValue] = {}


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An item that may be shown from now on, or is described anew.

    Attributes:
        item_id: which.
        timestamp: when it was published, as in `Exposure`; without one, when an indexer takes it.
        features: what the model sees.
        attributes: what filters and people see: anything that JSON can hold.
    """

    item_id: str | int
    timestamp: int | datetime | None = None
    features: Mapping[str, FeatureValue] = {}
    attributes: Mapping[str, Any] = {}


class Keyed(NamedTuple):
    """An event as a record: the id that places it, and its JSON."""

    key: bytes
    value: bytes


class _Exposure(msgspec.Struct, omit_defaults=True):
    user_id: Id
    item_id: Id
    timestamp: Whole
    labels: Labels = {}
    user: Features = {}
    context: Features = {}


class _Candidate(msgspec.Struct, omit_defaults=True):
    item_id: Id
    timestamp: Whole | None = None
    features: Features = {}
    attributes: Attributes = {}


_encoder = msgspec.json.Encoder()


def encode_exposure(event: Exposure) -> Keyed:
    """The record of an exposure.

    Raises:
        EventError: no worker would take it.

    >>> encode_exposure(Exposure(user_id="u1", item_id=7, timestamp=1_700_000_000_000, labels={"click": 1}))
    Keyed(key=b'u1', value=b'{"user_id":"u1","item_id":"7","timestamp":1700000000000,"labels":{"click":1.0}}')
    """
    user, item = id_of(event.user_id, "user_id"), id_of(event.item_id, "item_id")
    body = _body(event, _Exposure, user_id=user, item_id=item, timestamp=milliseconds(event.timestamp))
    return _keyed(user, body)


def encode_candidate(item: Candidate) -> Keyed:
    """The record of a candidate.

    Raises:
        EventError: no worker would take it.
    """
    name = id_of(item.item_id, "item_id")
    _check_attributes(item.attributes)
    timestamp = None if item.timestamp is None else milliseconds(item.timestamp)
    return _keyed(name, _body(item, _Candidate, item_id=name, timestamp=timestamp))


def id_of(value: str | int, field: str) -> str:
    """An id as it is written on the wire; EventError for one that is none, named by its field."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise EventError(f"{field} is {value!r}: give a text or a whole number")
    text = str(value)
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise EventError(f"{field} is {value!r}, which UTF-8 cannot write") from error
    if not 1 <= size <= LIMITS.id_bytes:
        raise EventError(f"{field} has {size} bytes of UTF-8; give 1 to {LIMITS.id_bytes}")
    return text


def milliseconds(when: int | datetime) -> int:
    """A time as it is written on the wire; EventError for one that workers refuse.

    >>> from datetime import UTC
    >>> milliseconds(datetime(2026, 1, 31, tzinfo=UTC))
    1769817600000
    """
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise EventError(f"timestamp {when} has no time zone: give one, for example datetime.now(UTC)")
        when = round(when.timestamp() * 1000)
    if not isinstance(when, int) or isinstance(when, bool):
        raise EventError(f"timestamp is {when!r}: give milliseconds since 1970, or a datetime with a time zone")
    latest = time.time_ns() // 1_000_000 + LIMITS.ahead_ms
    if LIMITS.oldest_ms <= when <= latest:
        return when
    hint = "; it looks like seconds: multiply by 1000" if LIMITS.oldest_ms <= when * 1000 <= latest else ""
    raise EventError(f"timestamp {when} is no time in milliseconds between 1990 and tomorrow{hint}")


def _body(event: msgspec.Struct, kind: type[Body], **changed: Any) -> Body:
    try:
        return msgspec.convert(msgspec.structs.asdict(event) | changed, kind)
    except msgspec.ValidationError as error:
        raise EventError(f"{type(event).__name__.lower()}: {error}") from error


def _keyed(name: str, body: msgspec.Struct) -> Keyed:
    try:
        value = _encoder.encode(body)
    except (TypeError, ValueError) as error:  # lone surrogates, mostly
        raise EventError(f"{name!r} cannot be written as JSON: {error}") from error
    if len(value) > LIMITS.value_bytes:
        raise EventError(f"{name!r} has {len(value)} bytes as JSON; {LIMITS.value_bytes} are allowed")
    return Keyed(name.encode(), value)


def _check_attributes(attributes: Mapping[str, Any]) -> None:
    """What types cannot say of values of any kind; JSON would turn NaN into null without a word."""
    layer: list[Any] = [attributes]
    count = 0
    for _ in range(LIMITS.depth):
        layer = [child for one in layer for child in (one.values() if isinstance(one, Mapping) else one)]
        count += len(layer)
        if count > LIMITS.values:
            raise EventError(f"attributes hold more than {LIMITS.values} values")
        for one in layer:
            _check_attribute(one)
        layer = [one for one in layer if isinstance(one, Mapping | list | tuple)]
    if layer:
        raise EventError(f"attributes are nested deeper than {LIMITS.depth}")


def _check_attribute(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise EventError(f"attributes hold {value}: JSON has no such number; leave it out, or write None")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise EventError(f"attributes hold {value}, which has more than 64 bits: write it as text")
    if value is not None and not isinstance(value, str | int | float | Mapping | list | tuple):
        raise EventError(f"attributes hold a {type(value).__name__}: write it as text, number, list or dictionary")
