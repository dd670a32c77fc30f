"""The HTTP application of one server."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware import Middleware

from schemas.settings import Settings
from serving.about import configuration, versions
from serving.access import Access
from serving.console.letters import LetterBox
from serving.console.pages import page_routes
from serving.console.recorder import Recorder
from serving.console.routes import console_routes
from serving.console.views import Views
from serving.desk import Desk
from serving.follower import Follower
from serving.gate import Gate
from serving.guard import Guard
from serving.metrics import Metrics
from serving.openapi import Described
from serving.problems import ProblemError, install_problems
from serving.publishing import Publishing
from serving.replica import Replica
from serving.routes_about import about_routes
from serving.routes_health import health_routes
from serving.routes_near import near_routes
from serving.routes_publish import publish_routes, takes_lines
from serving.routes_retrieve import retrieve_routes
from serving.routes_rows import rows_routes
from serving.routes_state import state_routes
from serving.rows import Rows
from serving.state import Observer
from serving.traced import Traced
from tables.guard import guarded
from tables.pulse import Pulses
from tables.tracing import Tracing

ABOUT = """Which items for this user, now? Answers come from an index that learns from the event stream as it runs.

Errors are `application/problem+json` with a `code` and a `remedy`. Unknown fields in a request are refused.
"""


class Server:
    """One replica, what keeps it up, and the application that answers from it; nothing runs before `run` is awaited."""

    def __init__(self, settings: Settings) -> None:
        self.replica = Replica(settings.topics, settings.eligible.rule())
        self.pulses = Pulses()
        reading = self.pulses.stream("replica", settings.server.stall_deadline_s)
        self.follower = Follower(settings, self.replica, reading)
        self.observer = Observer(self.replica, self.follower.readiness)
        self.metrics = Metrics(self.observer)
        self.metrics.registry.register(self.pulses)
        self.tracing = Tracing.of(settings.tracing, "server")
        self.desk = Desk(self.replica, settings.server, self.metrics)
        self.recorder = Recorder(self.replica, self.observer, settings, self.desk.uncounted)
        self.follower.on_records = self.recorder.records
        self.metrics.on_request = self.recorder.answers.request
        self.publishing = Publishing(settings, self.metrics, self.tracing.headers if self.tracing else tuple)
        self.access = Access(settings.security)
        self.app = _create_app(self, settings)

    async def run(self) -> None:
        """Keep the replica up until cancelled; StreamVQError when that has become impossible."""
        recording = guarded(self.recorder.run(), name="recorder")
        watching = guarded(self.access.watch(), name="access")
        try:
            await self.follower.run(self.metrics)
        finally:
            for task in (recording, watching):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def stop(self) -> None:
        """Let go of Kafka, once no request is answered any more."""
        await self.publishing.outbox.stop()

    def tasks(self) -> frozenset[str] | None:
        """What the model predicts; None before there is one."""
        model = self.replica.model
        return None if model is None else frozenset(task.name for task in model.config.tasks)


def _create_app(server: Server, settings: Settings) -> FastAPI:
    ready = [Depends(_when_ready(server))]
    asking = APIRouter()
    for routes in (retrieve_routes(server.desk), near_routes(server.desk)):
        asking.include_router(routes)
    gate = Middleware(
        Gate,
        metrics=server.metrics,
        max_body_bytes=settings.server.max_body_bytes,
        guard=Guard(settings.security, server.access.keyring, asking.routes),
        body_deadline_s=settings.security.body_deadline_s,
        streams=takes_lines,
    )
    around = [Middleware(Traced, tracing=server.tracing)] if server.tracing else []
    app = Described(
        title="streamvq",
        version=version("streamvq"),
        description=ABOUT,
        middleware=[*around, gate],
        redirect_slashes=False,
    )
    install_problems(app)
    app.include_router(asking, dependencies=ready)
    app.include_router(rows_routes(Rows(server.replica), ready))
    app.include_router(about_routes(lambda: versions(server.replica), lambda: configuration(settings, server.replica)))
    app.include_router(state_routes(server.observer, ready))
    app.include_router(publish_routes(server.publishing, server.tasks))
    views, letters = Views(server.replica, server.recorder), LetterBox(settings.kafka, settings.topics.dead_letters)
    app.include_router(console_routes(views, letters, ready))
    app.include_router(health_routes(server.observer, server.metrics))
    app.include_router(page_routes())
    return app


def _when_ready(server: Server) -> Callable[[], Awaitable[None]]:
    async def check() -> None:
        if not server.follower.ready:
            waiting = ", ".join(server.follower.readiness().waiting_for) or "the end of every topic"
            raise ProblemError(
                503, "not_ready", f"Still reading; waiting for {waiting}.", "Try again; /readyz says how far it is."
            )

    return check
