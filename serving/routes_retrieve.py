"""Questions: one, or several at once."""

from typing import Annotated

from fastapi import APIRouter, Body, Response

from schemas.http import Answer, BatchAnswer, BatchQuery, Query
from serving.desk import Desk
from serving.examples import ANSWER, BATCH, BATCHES, QUERIES, answered, failures
from serving.json_body import json_response


def retrieve_routes(desk: Desk) -> APIRouter:
    """`/v1/retrieve` and `/v1/retrieve/batch`."""
    routes = APIRouter(tags=["retrieve"], responses=failures(400, 413, 422, 503))

    @routes.post("/v1/retrieve", response_model=Answer, responses=answered(ANSWER))
    async def retrieve(query: Annotated[Query, Body(openapi_examples=QUERIES)]) -> Response:
        """The best items for one user, now."""
        answers = await desk.answer([query])
        return json_response(answers[0])

    @routes.post("/v1/retrieve/batch", response_model=BatchAnswer, responses=answered(BATCH))
    async def retrieve_batch(batch: Annotated[BatchQuery, Body(openapi_examples=BATCHES)]) -> Response:
        """The same for several users; cheaper than one request each."""
        return json_response(BatchAnswer(await desk.answer(batch.queries)))

    return routes
