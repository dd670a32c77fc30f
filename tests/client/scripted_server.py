"""A real HTTP server that does, request by request, what a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DROP = "drop"
STALL = "stall"
DRIP = "drip"


@dataclass
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Scripted:
    """Replies in their order, the last one again and again; what was asked stands in `asked`."""

    def __init__(self, *steps: Reply | str) -> None:
        self.steps = list(steps)
        self.asked: list[Asked] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def running(self) -> Iterator["Scripted"]:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                scripted.asked.append(Asked(self.command, self.path, dict(self.headers.items()), body))
                scripted.answer(self, scripted.steps[min(len(scripted.asked), len(scripted.steps)) - 1])

            do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - the names that it looks for

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as self.server:
            thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield self
            finally:
                self.ended.set()
                self.server.shutdown()
                thread.join()

    def answer(self, handler: BaseHTTPRequestHandler, step: Reply | str) -> None:
        if isinstance(step, Reply):
            handler.send_response(step.status)
            for name, value in ({"content-length": str(len(step.body))} | step.headers).items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(step.body)
            return
        handler.close_connection = True
        if step == STALL:
            self.ended.wait(30)
        elif step == DRIP:
            handler.send_response(200)
            handler.send_header("content-length", "1000")
            handler.end_headers()
            while not self.ended.wait(0.02):
                try:
                    handler.wfile.write(b" ")
                    handler.wfile.flush()
                except OSError:
                    return


def problem(status: int, code: str, **headers: str) -> Reply:
    body = {
        "type": "urn:x",
        "title": "t",
        "status": status,
        "detail": "What is wrong.",
        "code": code,
        "remedy": "Do it.",
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(body).encode(), {"content-type": "application/problem+json"} | named)
