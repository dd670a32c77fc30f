"""A span for each request, around everything else; in use only where traces are on."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tables.tracing import HEADER, Tracing

FAILED = 500


class Traced:
    """ASGI middleware: method, pattern of the path and status, never an id.

    Args:
        app: what answers.
        tracing: begins the spans.
    """

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app, self._tracing = app, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = FAILED

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        named = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self._tracing.request(scope["method"], {HEADER: named.get(HEADER, "")}) as span:
            try:
                await self._app(scope, receive, noting)
            finally:
                route = getattr(scope.get("route"), "path", "none")
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", status)
                if status >= FAILED:
                    from opentelemetry.trace import StatusCode

                    span.set_status(StatusCode.ERROR)
