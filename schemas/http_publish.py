"""Bodies of the HTTP interface that publishes events: what became of them, one by one where something did not work."""

from dataclasses import dataclass
from typing import Final, Literal

from schemas.http import Problem
from schemas.rejection import Reason

MOST_ERRORS: Final = 1000
"""Errors that one answer names; the counts count all of them."""

UNACKNOWLEDGED: Final = "unacknowledged"


@dataclass(frozen=True, slots=True)
class EventProblem:
    """One event that was not published.

    `index` is its place in the request, from 0. `unacknowledged` events may be in Kafka, or come to be there: publish
    them again. Those with another code were refused for the reason that a dead letter would give, and always will be.
    """

    index: int
    code: Reason | Literal["unacknowledged"]
    detail: str


@dataclass(frozen=True, slots=True)
class Published:
    """What became of the events of a request.

    `acknowledged` events are in Kafka, on all its in-sync replicas. `rejected` ones were refused, `unacknowledged` ones
    were not confirmed in time. `errors` says which, up to the first 1,000.
    """

    acknowledged: int
    rejected: int
    unacknowledged: int
    errors: list[EventProblem]


@dataclass(frozen=True, slots=True)
class PublishProblem(Problem):
    """A problem with events: `errors` says what was wrong with each, up to the first 1,000."""

    errors: list[EventProblem]
