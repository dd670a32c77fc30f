"""Rows: of tables, of a user, of the members of a cluster; and what attributes there are."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.params import Depends

from schemas.http_state import AttributeList, MemberPage, TableList, TableRow, UserState
from schemas.limits import LIMITS, REQUESTS
from serving.examples import ATTRIBUTES, MEMBERS, ROW, TABLES, USER, answered, failures
from serving.json_body import json_response
from serving.problems import ProblemError, no_such_cluster
from serving.rows import Rows, TableName

Limit = Annotated[int, Query(ge=1, le=REQUESTS.listed, description="Most entries to return.")]
Offset = Annotated[int, Query(ge=0, le=2**53, description="Entries to skip, of those that come first.")]
Task = Annotated[str | None, Query(max_length=LIMITS.id_bytes, description="In whose order; absent: the first task's.")]
Key = Annotated[str, Path(max_length=LIMITS.id_bytes, description="Item, cluster or user id, percent-encoded.")]
UserId = Annotated[str, Path(max_length=LIMITS.id_bytes, description="The user's id, percent-encoded.")]


def rows_routes(rows: Rows, when_ready: Sequence[Depends]) -> APIRouter:
    """`/v1/clusters/{cluster_id}/items`, `/v1/users`, `/v1/attributes` and `/v1/tables`."""
    routes = APIRouter(tags=["index"], dependencies=when_ready)

    @routes.get(
        "/v1/clusters/{cluster_id}/items",
        response_model=MemberPage,
        responses=answered(MEMBERS) | failures(404, 422, 503),
    )
    async def cluster_items(
        cluster_id: Annotated[int, Path(description="Its number; -1 holds the items without a code.")],
        offset: Offset = 0,
        limit: Limit = 100,
        task: Task = None,
    ) -> Response:
        """The items of a cluster in the order of its posting list, page by page."""
        found = rows.members(cluster_id, task, offset, limit)
        if found is None:
            raise no_such_cluster(cluster_id)
        return json_response(found)

    @routes.get(
        "/v1/users/{user_id:path}", response_model=UserState, responses=answered(USER) | failures(404, 422, 503)
    )
    async def user(user_id: UserId) -> Response:
        """What is known of a user."""
        found = rows.user(user_id)
        if found is None:
            detail = f"Nothing is known of a user {user_id!r}."
            raise ProblemError(404, "no_such_user", detail, "Publish an exposure of this user, and see /v1/stats.")
        return json_response(found)

    @routes.get("/v1/attributes", response_model=AttributeList, responses=answered(ATTRIBUTES) | failures(422, 503))
    async def attributes(limit: Limit = 100) -> Response:
        """What filters and quotas can name: attributes, or else features, that items were published with."""
        return json_response(rows.attributes(limit))

    @routes.get("/v1/tables", response_model=TableList, responses=answered(TABLES) | failures(503))
    async def tables() -> Response:
        """The tables, and how many rows of each the server holds."""
        return json_response(rows.tables())

    @routes.get(
        "/v1/tables/{table}/{key:path}", response_model=TableRow, responses=answered(ROW) | failures(404, 422, 503)
    )
    async def table_row(table: Annotated[TableName, Path(description="Which table.")], key: Key) -> Response:
        """One row of a table, as the server holds it."""
        found = rows.row(table, key)
        if found is None:
            detail = f"{table} has no row {key!r} here."
            raise ProblemError(404, "no_such_row", detail, "`svq table get` looks in Kafka.")
        return json_response(found)

    return routes
