"""Bodies of requests as they come in: bounded in size and in time, and told apart from those that break off."""

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

LINE_TYPES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")


class BodyTooLargeError(Exception):
    """More bytes come than a body may have."""


class BodyTooSlowError(Exception):
    """A body, or the next piece of it, did not come in time."""


def header(scope: Scope, name: bytes) -> str:
    """A header's first value; empty without one."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def media_type(scope: Scope) -> str:
    """What the body says it is, without parameters."""
    return header(scope, b"content-type").partition(";")[0].strip().lower()


async def read_body(receive: Receive, declared: str, most: int, deadline_s: float) -> bytes:
    """The whole body, before the application sees any of it: it is small, and too large a one must not come in.

    Raises:
        BodyTooLargeError: it has, or says it has, more than `most` bytes.
        BodyTooSlowError: its end did not come within `deadline_s`.
        ClientDisconnect: its end will never come.
    """
    if declared.isdigit() and int(declared[:20]) > most:
        raise BodyTooLargeError
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(deadline_s):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > most:
                    raise BodyTooLargeError
    except TimeoutError as error:
        raise BodyTooSlowError from error
    return bytes(body)


class Replayed:
    """`receive` that hands out a body that was already read, then what comes after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        """The next message."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class Paced:
    """`receive` of a body of any length that must not pause for long; BodyTooSlowError when it does."""

    def __init__(self, receive: Receive, deadline_s: float) -> None:
        self._receive = receive
        self._deadline_s = deadline_s
        self._more = True

    async def __call__(self) -> Message:
        """The next message."""
        if not self._more:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._deadline_s)
        except TimeoutError as error:
            raise BodyTooSlowError from error
        self._more = message.get("more_body", False)
        return message
