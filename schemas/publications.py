"""Events that somebody publishes through us: the bytes of a request to the records that Kafka gets.

What the workers would refuse is refused here already, by their own decoders.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import msgspec

from schemas import candidates, exposures
from schemas.candidates import decode_candidate
from schemas.exposures import decode_exposures
from schemas.limits import LIMITS
from schemas.rejection import EventError, Reason, event_error

_element = msgspec.json.Decoder(msgspec.Raw)
_elements = msgspec.json.Decoder(list[msgspec.Raw])


class KeyedEvent(NamedTuple):
    """A record of one event: the key decides where it lives; a value of None deletes the item."""

    key: bytes
    value: bytes | None


Check = Callable[[bytes, int], KeyedEvent]
"""The record of one event, as bytes of JSON, at a time in ms since 1970; EventError if it cannot be taken."""


def exposure_event(value: bytes, now_ms: int, tasks: AbstractSet[str] | None) -> KeyedEvent:
    """The record of one exposure, keyed by its user. Without `tasks` labels may have any names.

    Raises:
        EventError: the trainer would not take it.
    """
    _check_object(value)
    taken, rejected = decode_exposures(value, None, now_ms, tasks)
    if rejected:
        raise EventError(rejected[0].reason, rejected[0].detail)
    return KeyedEvent(taken[0].user_id.encode(), value)


def candidate_event(value: bytes, now_ms: int) -> KeyedEvent:
    """The record of one candidate, keyed by its item.

    Raises:
        EventError: the indexer would not take it.
    """
    _check_object(value)
    return KeyedEvent(decode_candidate(None, value, now_ms).item_id.encode(), value)


def deletion_event(item_id: str) -> KeyedEvent:
    """The record that deletes an item.

    Raises:
        EventError: no item can have this id.
    """
    try:
        key = item_id.encode()
    except UnicodeEncodeError as error:
        raise EventError(Reason.MISSING_ID, "item_id is not UTF-8") from error
    return KeyedEvent(decode_candidate(key, None, 0).item_id.encode(), None)


def split_body(body: bytes) -> list[bytes]:
    """The events in JSON, each as it was written: the elements of an array, or one that is none.

    Raises:
        EventError: it is no JSON, or holds too many of them.
    """
    is_array = body.lstrip()[:1] == b"["
    try:
        elements = _elements.decode(body) if is_array else [_element.decode(body)]
    except (ValueError, RecursionError) as error:
        raise event_error(error, body) from error
    if len(elements) > LIMITS.events:
        raise EventError(Reason.TOO_LARGE, f"{len(elements)} events, {LIMITS.events} are allowed in an array")
    return [bytes(element) for element in elements]


def exposure_schema() -> dict[str, Any]:
    """JSON Schema of an exposure, from the types that it is decoded with."""
    schema = _schema(exposures.Body, ("user_id", "item_id", "timestamp"))
    schema["properties"]["timestamp"] |= {"minimum": LIMITS.oldest_ms}
    return schema


def candidate_schema() -> dict[str, Any]:
    """JSON Schema of a candidate, from the types that it is decoded with."""
    schema = _schema(candidates.Body, ("item_id",))
    schema["properties"]["timestamp"] |= {"minimum": LIMITS.oldest_ms}
    return schema


def _schema(body: type[msgspec.Struct], required: tuple[str, ...]) -> dict[str, Any]:
    (schema,) = msgspec.json.schema(body)["$defs"].values()
    for name in ("user_id", "item_id"):
        if name in schema["properties"]:
            schema["properties"][name]["anyOf"][0]["minLength"] = 1
    del schema["title"]
    return {**schema, "required": list(required)}


def _check_object(value: bytes) -> None:
    if value.lstrip()[:1] == b"[":
        raise EventError(Reason.WRONG_TYPE, "Expected `object`, got `array`")
