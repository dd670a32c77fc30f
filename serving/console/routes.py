"""What the console shows, as JSON for everybody."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.params import Depends

from schemas.http_console import (
    ActiveUsers,
    CodebookMap,
    Foresight,
    Immediacy,
    Letters,
    Moves,
    Series,
    Surroundings,
)
from schemas.limits import LIMITS
from serving.console import examples
from serving.console.letters import LetterBox
from serving.console.timeline import CLOSE_SPAN_S, FAR_SPAN_S
from serving.console.views import Views
from serving.examples import answered, failures
from serving.json_body import json_response
from serving.problems import no_such_cluster

Span = Annotated[
    float, Query(ge=1, le=FAR_SPAN_S, description="Seconds back from now; over 15 minutes at half-minute steps.")
]
After = Annotated[int, Query(ge=0, le=2**53, description="Only samples after this time, ms since 1970.")]
Points = Annotated[int, Query(ge=2, le=1000, description="Most samples to return, evenly thinned out.")]
Few = Annotated[int, Query(ge=1, le=200, description="Most entries to return.")]
Codes = Annotated[int, Query(ge=1, le=16_384, description="Most clusters to return, the largest.")]
ItemId = Annotated[str | None, Query(min_length=1, max_length=LIMITS.id_bytes, description="Only moves of this item.")]


def console_routes(views: Views, letters: LetterBox, when_ready: Sequence[Depends]) -> APIRouter:
    """`/v1/series`, `/v1/immediacy` and `/v1/foresight` answer before the server is ready; so do the dead letters."""
    routes = APIRouter(tags=["console"])

    @routes.get("/v1/series", response_model=Series, responses=answered(examples.SERIES) | failures(422))
    async def series(span_s: Span = CLOSE_SPAN_S, after: After = 0, points: Points = 300) -> Response:
        """The numbers of this server over time: one sample a second for 15 minutes, one each half minute for a day."""
        return json_response(views.series(span_s, after, points))

    @routes.get("/v1/immediacy", response_model=Immediacy, responses=answered(examples.IMMEDIACY))
    async def immediacy() -> Response:
        """How soon events are found by queries."""
        return json_response(views.immediacy())

    @routes.get("/v1/foresight", response_model=Foresight, responses=answered(examples.FORESIGHT))
    async def foresight() -> Response:
        """How often what users liked next was among the first 10 and 100, beside what is popular."""
        return json_response(views.foresight())

    @routes.get(
        "/v1/codebook/map",
        response_model=CodebookMap,
        dependencies=when_ready,
        responses=answered(examples.MAP) | failures(422, 503),
    )
    async def codebook_map(limit: Codes = 2000) -> Response:
        """The codes on a plane, with sizes and activity."""
        return json_response(views.map(limit))

    @routes.get(
        "/v1/clusters/{cluster_id}/surroundings",
        response_model=Surroundings,
        dependencies=when_ready,
        responses=answered(examples.SURROUNDINGS) | failures(404, 422, 503),
    )
    async def surroundings(cluster_id: int, limit: Few = 50) -> Response:
        """A cluster, its best items, its neighbours, and what became of it."""
        found = views.surroundings(cluster_id, limit)
        if found is None:
            raise no_such_cluster(cluster_id)
        return json_response(found)

    @routes.get(
        "/v1/moves",
        response_model=Moves,
        dependencies=when_ready,
        responses=answered(examples.MOVES) | failures(422, 503),
    )
    async def moves(item_id: ItemId = None, limit: Few = 50) -> Response:
        """Items that were filed elsewhere lately, or the life of one item, as far as this server has seen it."""
        return json_response(views.moves(limit, item_id))

    @routes.get(
        "/v1/active-users",
        response_model=ActiveUsers,
        dependencies=when_ready,
        responses=answered(examples.USERS) | failures(422, 503),
    )
    async def active_users(limit: Few = 20) -> Response:
        """Users whose histories changed last."""
        return json_response(views.users(limit))

    @routes.get("/v1/dead-letters", response_model=Letters, responses=answered(examples.LETTERS) | failures(422, 503))
    async def dead_letters(limit: Few = 20) -> Response:
        """The newest events that were not taken, read from Kafka now."""
        return json_response(await letters.newest(limit))

    return routes
