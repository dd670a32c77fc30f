"""What the index holds: items, clusters, numbers."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.params import Depends

from schemas.http_state import ClusterItems, ClusterList, ItemState, Stats
from schemas.limits import LIMITS, REQUESTS
from serving.examples import CLUSTER, CLUSTERS, ITEM, STATS, answered, failures
from serving.json_body import json_response
from serving.problems import ProblemError, no_such_cluster
from serving.state import ClusterOrder, Observer

Limit = Annotated[int, Query(ge=1, le=REQUESTS.listed, description="Most entries to return.")]


def state_routes(observer: Observer, when_ready: Sequence[Depends]) -> APIRouter:
    """`/v1/items`, `/v1/clusters` and `/v1/stats`; only the last answers before the server is ready."""
    routes = APIRouter(tags=["index"])

    @routes.get(
        "/v1/items/{item_id:path}",
        response_model=ItemState,
        dependencies=when_ready,
        responses=answered(ITEM) | failures(404, 422, 503),
    )
    async def item(
        item_id: Annotated[str, Path(max_length=LIMITS.id_bytes, description="Its id, percent-encoded.")],
    ) -> Response:
        """One item: where it is filed, and what is known of it."""
        found = observer.item(item_id)
        if found is None:
            remedy = "Publish it to the topic of candidates, or show it once."
            raise ProblemError(404, "no_such_item", f"There is no item {item_id!r}.", remedy)
        return json_response(found)

    @routes.get(
        "/v1/clusters",
        response_model=ClusterList,
        dependencies=when_ready,
        responses=answered(CLUSTERS) | failures(422, 503),
    )
    async def clusters(sort: ClusterOrder = "items", limit: Limit = 100) -> Response:
        """Sizes and exposures of the clusters; -1 holds the items that have no code."""
        return json_response(observer.clusters(sort, limit))

    @routes.get(
        "/v1/clusters/{cluster_id}",
        response_model=ClusterItems,
        dependencies=when_ready,
        responses=answered(CLUSTER) | failures(404, 422, 503),
    )
    async def cluster(cluster_id: int, limit: Limit = 100) -> Response:
        """One cluster and its best items."""
        found = observer.cluster(cluster_id, limit)
        if found is None:
            raise no_such_cluster(cluster_id)
        return json_response(found)

    @routes.get("/v1/stats", response_model=Stats, responses=answered(STATS))
    async def stats() -> Response:
        """The index in numbers."""
        return json_response(observer.stats())

    return routes
