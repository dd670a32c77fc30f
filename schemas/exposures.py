"""Exposures: what applications publish when the outcome of showing an item is known."""

import json
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from schemas.event_fields import Features, FeatureValue, Id, Labels, Whole, checked_id, checked_timestamp, key_id
from schemas.limits import LIMITS
from schemas.rejection import EventError, Reason, Rejected, event_error, python_constants
from schemas.tally import Tally


class Exposure(msgspec.Struct, frozen=True):
    """An item that was shown to a user, and what came of it. `timestamp` in ms since 1970; labels by task."""

    user_id: str
    item_id: str
    timestamp: int
    labels: dict[str, float]
    user: dict[str, FeatureValue]
    context: dict[str, FeatureValue]


class Body(msgspec.Struct):
    """An exposure as it is written."""

    user_id: Id | UnsetType = UNSET
    item_id: Id | UnsetType = UNSET
    timestamp: Whole | UnsetType = UNSET
    labels: Labels | None = None
    user: Features | None = None
    context: Features | None = None


class _StrictBody(Body, forbid_unknown_fields=True):
    """What nearly all events are: nothing to count, so an array decodes in one go."""


_strict = msgspec.json.Decoder(_StrictBody)
_strict_array = msgspec.json.Decoder(list[_StrictBody])
_lenient = msgspec.json.Decoder(Body)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[msgspec.Raw])


def decode_exposures(
    value: bytes | None, key: bytes | None, now_ms: int, tasks: AbstractSet[str] | None, tally: Tally | None = None
) -> tuple[list[Exposure], list[Rejected]]:
    """The exposures in one record: an object, or an array of them, of one user or of several.

    Args:
        value: the record's value; None holds no exposure, but erases the user that the key names.
        key: the record's key: the user of events that name none.
        now_ms: wall clock, ms since 1970.
        tasks: names that labels may have; None: any.
        tally: where skipped fields are counted.

    Returns:
        What can be taken, in order; and what cannot: elements of the array one by one, or the record as a whole.
    """
    if value is None:
        return [], _no_user(key)
    if len(value) > LIMITS.value_bytes:
        return [], [Rejected(Reason.TOO_LARGE, f"{len(value)} bytes, {LIMITS.value_bytes} are allowed", value)]
    reader = _Reader(key, now_ms, tasks, tally or Tally())
    is_array = value.lstrip()[:1] == b"["
    try:
        bodies = _strict_array.decode(value) if is_array else [_strict.decode(value)]
        if len(bodies) <= LIMITS.events:
            return [reader.exposure(body) for body in bodies], []
    except (ValueError, RecursionError):
        pass  # something is wrong with at least one of them, or has to be counted
    return reader.one_by_one(value, is_array=is_array)


@dataclass(frozen=True, slots=True)
class _Reader:
    key: bytes | None
    now_ms: int
    tasks: AbstractSet[str] | None
    tally: Tally

    def one_by_one(self, value: bytes, *, is_array: bool) -> tuple[list[Exposure], list[Rejected]]:
        taken: list[Exposure] = []
        rejected: list[Rejected] = []
        try:
            elements = _split(value) if is_array else [value]
        except EventError as error:
            return [], [Rejected(error.reason, error.detail, value)]
        for index, element in enumerate(elements):
            try:
                taken.append(self.exposure(self.body(element)))
            except EventError as error:
                rejected.append(Rejected(error.reason, error.detail, element, index if is_array else None))
        return taken, rejected

    def body(self, value: bytes) -> Body:
        try:
            body = _lenient.decode(value)
            self.tally.unknown_fields += len(_fields.decode(value).keys() - Body.__struct_fields__)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise event_error(error, value) from error
        return body

    def exposure(self, body: Body) -> Exposure:
        return Exposure(
            checked_id(body.user_id, self.key, "user_id"),
            checked_id(body.item_id, None, "item_id"),
            checked_timestamp(body.timestamp, self.now_ms),
            self.labels(body.labels or {}),
            body.user or {},
            body.context or {},
        )

    def labels(self, labels: dict[str, float | bool | None]) -> dict[str, float]:
        if self.tasks is not None and not labels.keys() <= self.tasks:
            raise EventError(
                Reason.UNKNOWN_TASK, f"{sorted(labels.keys() - self.tasks)} are none of {sorted(self.tasks)}"
            )
        return {task: float(label) for task, label in labels.items() if label is not None}


def _no_user(key: bytes | None) -> list[Rejected]:
    try:
        key_id(key, "user_id")
    except EventError as error:
        return [Rejected(error.reason, error.detail, b"")]
    return []


def _split(value: bytes) -> list[bytes]:
    """The elements of an array, each as it was written; EventError if it is not JSON, or if they are too many."""
    try:
        elements = _elements.decode(value)
    except (ValueError, RecursionError) as error:
        if not python_constants(value):
            raise event_error(error, value) from error
        # One NaN must not cost the whole array. Its elements are written again, as Python writes them.
        return [_again(element) for element in _counted(json.loads(value))]
    return [bytes(element) for element in _counted(elements)]


def _counted(elements: list[Any]) -> list[Any]:
    if len(elements) > LIMITS.events:
        raise EventError(
            Reason.TOO_LARGE, f"{len(elements)} exposures in one record, {LIMITS.events} are allowed: publish several"
        )
    return elements


def _again(element: object) -> bytes:
    return json.dumps(element, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
