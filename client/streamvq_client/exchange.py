"""One call until it is answered: when to try again, when to give up, and what a response means. No input or output."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, Generic, TypeVar

import httpx
import msgspec

from streamvq_client.calls import Call
from streamvq_client.errors import (
    BusyError,
    DefectError,
    DeniedError,
    NotFoundError,
    NotNowError,
    RequestError,
    ServerError,
    UnreachableError,
)

T = TypeVar("T")

KINDS: Final[dict[int, type[ServerError]]] = {
    401: DeniedError,
    403: DeniedError,
    404: NotFoundError,
    429: BusyError,
    500: DefectError,
    502: NotNowError,
    503: NotNowError,
    504: NotNowError,
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try.

    Attributes:
        deadline_s: all in all.
        attempt_s: one request, until its response is here.
        attempts: requests.
        first_pause_s: before the second; then twice as long each time, and a random part of that.
        answer_bytes: a longer response is given up.
    """

    deadline_s: float = 10.0
    attempt_s: float = 5.0
    attempts: int = 4
    first_pause_s: float = 0.05
    answer_bytes: int = 256 << 20


class Exchange(Generic[T]):
    """One call.

    Args:
        call: what is asked.
        patience: how long.
        now: a steady clock, in seconds.
    """

    def __init__(self, call: Call[T], patience: Patience, now: Callable[[], float] = time.monotonic) -> None:
        self._call = call
        self._patience = patience
        self._now = now
        self._end = now() + patience.deadline_s
        self._attempts = 0
        self._attempt_end = 0.0

    def begin(self) -> dict[str, Any]:
        """Another attempt: httpx's arguments for it."""
        self._attempts += 1
        limit = min(self._patience.attempt_s, max(self._end - self._now(), 0.001))
        self._attempt_end = self._now() + limit
        call = self._call
        return {"content": call.body, "params": call.parameters, "headers": call.headers, "timeout": limit}

    def grow(self, body: bytearray, piece: bytes) -> None:
        """Another piece of a response; httpx.ReadTimeout where it came too late."""
        body += piece
        if self._now() > self._attempt_end:
            raise httpx.ReadTimeout(f"the response was not complete after {self._patience.attempt_s:g} s")
        if len(body) > self._patience.answer_bytes:
            raise UnreachableError(f"{self}: the response has more than {self._patience.answer_bytes} bytes")

    def failed(self, error: httpx.TransportError) -> float:
        """Seconds until the next attempt after one that nothing came of; UnreachableError when there is none."""
        pause = self._pause_s(0.0)
        if pause is None:
            said = str(error) or type(error).__name__
            raise UnreachableError(f"{self}: no response in {self._attempts} attempts, the last one: {said}") from error
        return pause

    def settled(self, response: httpx.Response) -> bool:
        """Whether a response holds the answer."""
        return response.status_code in self._call.statuses

    def refused(self, response: httpx.Response, body: bytes) -> float:
        """Seconds until the next attempt after a response that holds none; ServerError when there is none."""
        error = problem_in(response, body)
        pause = self._pause_s(error.retry_after_s or 0.0) if error.retriable else None
        if pause is None:
            raise error
        return pause

    def __str__(self) -> str:
        return f"{self._call.method} {self._call.path}"

    def _pause_s(self, wanted_s: float) -> float | None:
        # A random part, so that those who were refused together do not come back together.
        longest = self._patience.first_pause_s * 2 ** (self._attempts - 1)
        pause = max(wanted_s, random.uniform(longest / 2, longest))  # noqa: S311 - nothing secret about it
        over = self._attempts >= self._patience.attempts or self._now() + pause >= self._end
        return None if over else pause


class _Problem(msgspec.Struct):
    detail: str = ""
    code: str = ""
    remedy: str = ""


def problem_in(response: httpx.Response, body: bytes) -> ServerError:
    """The error in a response; what is no problem of ours, as a proxy sends, has its status as code."""
    status = response.status_code
    try:
        found = msgspec.json.decode(body, type=_Problem)
    except (ValueError, RecursionError):
        found = _Problem()
    if not found.code:
        what = f"HTTP {status} {response.reason_phrase} from something that is no streamvq server."
        found = _Problem(what, f"http_{status}", "Check the address, and what stands before the server.")
    kind = KINDS.get(status, RequestError if 400 <= status < 500 else ServerError)
    return kind(status, found.code, found.detail, found.remedy, _retry_after_s(response.headers.get("retry-after")))


def _retry_after_s(value: str | None) -> float | None:
    """Seconds, or until a date (RFC 9110, section 10.2.3); None for anything else."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
