"""What every request passes: a bounded body, a bounded number at a time, a clock, and a last guard against defects."""

import time
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.http import Problem
from serving.metrics import Metrics
from serving.problems import problem, problem_response

MOST_AT_ONCE: Final = 512

log = structlog.get_logger(__name__)


class _BodyTooLargeError(Exception):
    """More bytes come than a body may have."""


class Gate:
    """ASGI middleware around the whole application.

    Args:
        app: what handles the requests.
        metrics: where they are counted.
        max_body_bytes: longest body.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, max_body_bytes: int) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
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
        what: Problem | None = None
        if self._running > MOST_AT_ONCE:
            detail = f"More than {MOST_AT_ONCE} requests at a time."
            what = problem(503, "overloaded", detail, "Ask more slowly, or add servers.")
        else:
            try:
                body = await _read(receive, _declared(scope), self._max_body_bytes)
                await self._app(scope, _Replayed(body, receive), outgoing)
            except _BodyTooLargeError:
                detail = f"A body may have {self._max_body_bytes} bytes."
                what = problem(413, "body_too_large", detail, "Send less at a time.")
            except Exception as error:
                log.exception("request_failed", path=scope["path"], error=repr(error))
                what = problem(500, "defect", "The server met an error of its own.", "Report it with the server's log.")
        if what is not None and not outgoing.started:
            await problem_response(what)(scope, receive, outgoing)


def _declared(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


async def _read(receive: Receive, declared: int, most: int) -> bytes:
    """The whole body, before the application sees any of it: it is small, and too large a one must not come in."""
    if declared > most:
        raise _BodyTooLargeError
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise _BodyTooLargeError
    return body


class _Replayed:
    """`receive` that hands out a body that was already read, then what comes after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


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
