"""One connection of a client: what uvicorn makes of it, with deadlines, and with answers for what is no request.

Beyond uvicorn's own protocol: a client that says nothing, or half a request, does not stay; one that closed its side is
answered still; and what is not HTTP is told so as a problem.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from schemas.http import Problem
from serving.json_body import encode_json
from serving.problems import MEDIA_TYPE, problem

LINGER_S: Final = 5.0
"""How long the rest of a body may still come after its request was answered."""


def connections(header_deadline_s: float) -> type[H11Protocol]:
    """The protocol whose connections have so long for the first line and the headers of a request."""
    return type("Connection", (Connection,), {"header_deadline_s": header_deadline_s})


class Connection(H11Protocol):
    """One client's connection."""

    header_deadline_s: float
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """It has sent something."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._unwatch()
        self._watch_for_the_rest()

    def eof_received(self) -> bool:  # type: ignore[override]
        """It has closed its side: true while there is something to answer; with TLS there is no such half."""
        if self.scheme == "https" or self.transport.is_closing():
            return False
        running = self.cycle is not None and not self.cycle.response_complete
        if self.conn.their_state is h11.SEND_BODY or self._begun:
            if not running or not self.cycle.response_started:
                detail = "The connection was closed within a request."
                self._refuse(problem(400, "not_http", detail, "Send the request whole."))
            return False
        if running:
            self.cycle.keep_alive = False
        return running

    def send_400_response(self, msg: str) -> None:
        """What came is not HTTP."""
        self._refuse(problem(400, "not_http", msg, "Send HTTP/1.1, with headers below 64 KiB, and the request whole."))

    def on_response_complete(self) -> None:
        """Wait for the next request, but not for ever for the rest of this one's body."""
        answered = self.cycle
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(LINGER_S, self._close_if_still, answered)
        self._watch_for_the_rest()

    @property
    def _begun(self) -> bool:
        """Whether a part of the next request's head is there."""
        return self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])

    def _watch_for_the_rest(self) -> None:
        if self._late is None and self._begun:
            self._watch()

    def _watch(self) -> None:
        self._late = self.loop.call_later(self.header_deadline_s, self._too_slow)

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_slow(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            detail = f"The headers did not come within {self.header_deadline_s:g} s."
            self._refuse(problem(408, "headers_too_slow", detail, "Connect when there is something to send."))

    def _close_if_still(self, answered: Any) -> None:
        if self.cycle is answered and self.conn.their_state is h11.SEND_BODY:
            self.transport.close()

    def _refuse(self, what: Problem) -> None:
        body = encode_json(what)
        headers = [("content-type", MEDIA_TYPE), ("content-length", str(len(body))), ("connection", "close")]
        for event in (
            h11.Response(status_code=what.status, headers=headers, reason=HTTPStatus(what.status).phrase.encode()),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
