"""What every request passes: a bounded body, a bounded number at a time, a clock, and a last guard against defects."""

import time
from collections.abc import Callable
from typing import Final

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.bodies import BodyTooLargeError, BodyTooSlowError, Paced, Replayed, header, read_body
from serving.guard import Guard
from serving.metrics import Metrics
from serving.problems import ProblemError, problem_response

MOST_AT_ONCE: Final = 512
LESS: Final = "Ask more slowly, or add servers."
GONE: Final = 499
"""Counted for a client that left before its request was whole."""

log = structlog.get_logger(__name__)


class Gate:
    """ASGI middleware around the whole application.

    Args:
        app: what handles the requests.
        metrics: where they are counted.
        max_body_bytes: longest body.
        guard: who is let in.
        body_deadline_s: how long a body may take, or the next piece of one that is read piece by piece.
        streams: whether the application reads the body of a request itself, piece by piece.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        max_body_bytes: int,
        guard: Guard,
        body_deadline_s: float,
        streams: Callable[[Scope], bool],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._guard = guard
        self._body_deadline_s = body_deadline_s
        self._streams = streams
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        outgoing = _Outgoing(send, begin)
        self._running += 1
        try:
            await self._guarded(scope, receive, outgoing)
        finally:
            self._running -= 1
            self._metrics.request(_route(scope), outgoing.status, time.perf_counter() - begin)

    async def _guarded(self, scope: Scope, receive: Receive, outgoing: "_Outgoing") -> None:
        try:
            if self._running > MOST_AT_ONCE:
                raise ProblemError(503, "overloaded", f"More than {MOST_AT_ONCE} requests at a time.", LESS)
            await self._guard.admit(scope)
            await self._app(scope, await self._body(scope, receive), outgoing)
        except ClientDisconnect:
            outgoing.status = GONE
        except Exception as error:  # noqa: BLE001 - the last guard: nobody outside sees a stack trace
            what = self._explain(error, scope["path"])
            if not outgoing.started:
                await problem_response(what.problem, what.headers)(scope, receive, outgoing)

    def _explain(self, error: Exception, path: str) -> ProblemError:
        match error:
            case ProblemError():
                return error
            case BodyTooLargeError():
                detail = f"A body may have {self._max_body_bytes} bytes."
                return ProblemError(413, "body_too_large", detail, "Send less at a time.")
            case BodyTooSlowError():
                detail = f"The body did not come within {self._body_deadline_s:g} s."
                return ProblemError(408, "body_too_slow", detail, "Send it faster, or less at a time.")
        log.error("request_failed", path=path, error=repr(error), exc_info=error)
        return ProblemError(500, "defect", "The server met an error of its own.", "Report it with the server's log.")

    async def _body(self, scope: Scope, receive: Receive) -> Receive:
        if self._streams(scope):
            return Paced(receive, self._body_deadline_s)
        declared = header(scope, b"content-length")
        return Replayed(await read_body(receive, declared, self._max_body_bytes, self._body_deadline_s), receive)


class _Outgoing:
    """`send` that notes the status and says in a header how long it took."""

    def __init__(self, send: Send, begin: float) -> None:
        self._send = send
        self._begin = begin
        self.status = 500
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            taken = f"total;dur={(time.perf_counter() - self._begin) * 1000:.2f}"
            message["headers"] = [*message["headers"], (b"server-timing", taken.encode())]
        await self._send(message)


def _route(scope: Scope) -> str:
    """The path's pattern: ids must not become metric labels."""
    return getattr(scope.get("route"), "path", "none")
