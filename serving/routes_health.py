"""For those who watch: alive, ready, metrics."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from schemas.http_state import Readiness
from serving.examples import READINESS, answered
from serving.json_body import encode_json, json_response
from serving.metrics import Metrics
from serving.state import Observer


def health_routes(observer: Observer, metrics: Metrics) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz", responses=answered({"alive": True}))
    async def healthz() -> Response:
        """200 while the process answers at all."""
        return json_response({"alive": True})

    @routes.get("/readyz", response_model=Readiness, responses={**answered(READINESS), 503: {"model": Readiness}})
    async def readyz() -> Response:
        """200 once everything that was there at the start has been read; says what is missing, later the lag."""
        readiness = observer.readiness()
        return Response(encode_json(readiness), 200 if readiness.ready else 503, media_type="application/json")

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def exposition() -> Response:
        """Prometheus metrics."""
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes
