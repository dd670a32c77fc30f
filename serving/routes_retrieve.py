"""Questions: one, or several at once."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Response

from schemas.http import Answer, BatchAnswer, BatchQuery, Problem, Query
from serving.desk import Desk
from serving.json_body import json_response

EXAMPLES: Final[dict[str, Any]] = {
    "known user": {"value": {"user_id": "u17", "k": 20}},
    "somebody new": {"value": {"history": ["i42", "i7"], "features": {"country": "DE"}, "k": 20}},
    "how good is the index": {"value": {"user_id": "u17", "k": 100, "exact": True, "explain": True}},
}
FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Problem, "content": {"application/problem+json": {}}} for status in (400, 413, 422, 503)
}


def retrieve_routes(desk: Desk) -> APIRouter:
    """`/v1/retrieve` and `/v1/retrieve/batch`."""
    routes = APIRouter(tags=["retrieve"], responses=FAILURES)

    @routes.post("/v1/retrieve", response_model=Answer)
    async def retrieve(query: Annotated[Query, Body(openapi_examples=EXAMPLES)]) -> Response:
        """The best items for one user, now."""
        answers = await desk.answer([query])
        return json_response(answers[0])

    @routes.post("/v1/retrieve/batch", response_model=BatchAnswer)
    async def retrieve_batch(batch: BatchQuery) -> Response:
        """The same for several users; cheaper than one request each."""
        return json_response(BatchAnswer(await desk.answer(batch.queries)))

    return routes
