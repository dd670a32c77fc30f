"""What lies near: items like an item, clusters near a user."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from schemas.http_near import NearestAnswer, NearestQuery, SimilarAnswer, SimilarQuery
from schemas.limits import LIMITS, REQUESTS
from serving.desk import Desk
from serving.examples import NEAREST, NEAREST_QUERIES, SIMILAR, SIMILAR_QUERIES, answered, failures
from serving.json_body import json_response

ItemId = Annotated[str, Path(max_length=LIMITS.id_bytes, description="Its id, percent-encoded.")]
HowMany = Annotated[int | None, Query(ge=1, le=REQUESTS.k, description="Items wanted; absent: the server's default.")]


def near_routes(desk: Desk) -> APIRouter:
    """`/v1/items/{item_id}/similar` and `/v1/clusters/nearest`."""
    routes = APIRouter(tags=["retrieve"])
    similar = answered(SIMILAR) | failures(404, 422, 503)

    @routes.get("/v1/items/{item_id:path}/similar", response_model=SimilarAnswer, responses=similar)
    async def similar_items(item_id: ItemId, k: HowMany = None) -> Response:
        """Items like this one, by the vectors that the index files them by."""
        return json_response(await desk.similar(item_id, SimilarQuery(k=k)))

    @routes.post("/v1/items/{item_id:path}/similar", response_model=SimilarAnswer, responses=similar)
    async def similar_items_under(
        item_id: ItemId, query: Annotated[SimilarQuery, Body(openapi_examples=SIMILAR_QUERIES)]
    ) -> Response:
        """The same among those that a filter and exclusions leave."""
        return json_response(await desk.similar(item_id, query))

    @routes.post(
        "/v1/clusters/nearest", response_model=NearestAnswer, responses=answered(NEAREST) | failures(400, 413, 422, 503)
    )
    async def nearest_clusters(
        query: Annotated[NearestQuery, Body(openapi_examples=NEAREST_QUERIES)],
    ) -> Response:
        """Where the index looks first for a user, and how each task scores it."""
        return json_response(desk.nearest(query))

    return routes
