"""Why an event was not taken."""

import json
import re
from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why an event went to the dead letters: a closed list, fit for a metric's label."""

    NOT_JSON = "not_json"
    WRONG_TYPE = "wrong_type"
    MISSING_ID = "missing_id"
    ID_MISMATCH = "id_mismatch"
    BAD_TIMESTAMP = "bad_timestamp"
    NOT_FINITE = "not_finite"
    UNKNOWN_TASK = "unknown_task"
    TOO_LARGE = "too_large"


class EventError(ValueError):
    """An event cannot be taken: it goes to the dead letters with this reason, and the stream goes on.

    Attributes:
        reason: one of the closed list.
        detail: where and what, for people.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Rejected(msgspec.Struct, frozen=True):
    """An event that was not taken.

    Attributes:
        value: its bytes: the record's value, or this element of the array in it.
        index: place in the array, None if the record was rejected as a whole.
    """

    reason: Reason
    detail: str
    value: bytes
    index: int | None = None


def event_error(error: Exception, value: bytes) -> EventError:
    """The rejection for what the JSON decoder raised at this value."""
    detail = str(error)
    if isinstance(error, RecursionError):
        return EventError(Reason.TOO_LARGE, "nested too deeply")
    if isinstance(error, msgspec.ValidationError):
        return EventError(_reason(detail), detail)
    constants = python_constants(value)
    if constants:
        return EventError(Reason.NOT_FINITE, f"{constants[0]} is not JSON")
    return EventError(Reason.NOT_JSON, detail)


def python_constants(value: bytes) -> list[str]:
    """NaN and Infinity in text that would be JSON without them, as Python's json module writes it."""
    constants: list[str] = []
    try:
        json.loads(value.decode(), parse_constant=constants.append)
    except (ValueError, RecursionError):
        return []
    return constants


def _reason(detail: str) -> Reason:
    # Read from msgspec's words: one that it changes makes a reason less exact, never the verdict.
    if "`$.timestamp`" in detail:
        return Reason.BAD_TIMESTAMP
    beyond = "out of range" in detail or re.search(r"Expected `(float|int)` [<>]=", detail)
    if "of length <=" in detail or (beyond and re.search(r"`\$\.(user_id|item_id)`", detail)):
        return Reason.TOO_LARGE
    return Reason.NOT_FINITE if beyond else Reason.WRONG_TYPE
