"""Publishing for those who have no Kafka client: exposures, candidates, deletions."""

import hashlib
import json
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Request, Response
from starlette.types import Scope
from streamvq_client.publisher import Stream

from schemas.http import Problem
from schemas.http_publish import Published, PublishProblem
from schemas.limits import LIMITS
from schemas.publications import (
    Check,
    candidate_event,
    candidate_schema,
    deletion_event,
    exposure_event,
    exposure_schema,
    split_body,
)
from schemas.rejection import EventError
from serving.bodies import LINE_TYPES, header, media_type
from serving.caller import caller
from serving.lines import Lines
from serving.problems import ProblemError
from serving.publish_answers import unreadable
from serving.publishing import Once, Publishing

ItemId = Annotated[str, Path(max_length=LIMITS.id_bytes, description="Its id, percent-encoded.")]
Tasks = Callable[[], AbstractSet[str] | None]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The same request under the same key is published once, by this server process.",
    ),
]

EXPOSURE: Final = {
    "user_id": "u17",
    "item_id": "i42",
    "timestamp": 1_700_000_000_123,
    "labels": {"click": 1},
    "user": {"country": "DE"},
    "context": {"hour": 21},
}
CANDIDATE: Final = {
    "item_id": "i42",
    "timestamp": 1_700_000_000_000,
    "features": {"category": ["a", "b"], "price": 3.5},
    "attributes": {"title": "A mug", "lang": "de"},
}
EITHER: Final = {"model": PublishProblem | Problem}
FAILURES: Final[dict[int | str, dict[str, Any]]] = dict.fromkeys((422, 503), EITHER)
OF_BODIES: Final[dict[int | str, dict[str, Any]]] = {
    207: {"model": Published, "description": "Kafka has some of them; `errors` names the others."},
    408: EITHER,
    415: {"model": Problem},
}


def publish_routes(publishing: Publishing, tasks: Tasks) -> APIRouter:
    """`POST /v1/exposures`, `POST /v1/candidates` and `DELETE /v1/items/{id}`.

    Args:
        publishing: what takes events to Kafka.
        tasks: names that labels may have; None while that is not known.
    """
    routes = APIRouter(tags=["publish"], responses=FAILURES)

    @routes.post(
        "/v1/exposures",
        response_model=Published,
        responses=OF_BODIES,
        openapi_extra=_body(exposure_schema(), EXPOSURE),
    )
    async def exposures(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Who was shown what, and what came of it: one exposure, an array of them, or a line each.

        The answer comes when Kafka has them on all its in-sync replicas. They are learnt from a moment later.
        """
        known = tasks()
        check = partial(exposure_event, tasks=known)
        return await _publish(publishing, request, "exposures", check, idempotency_key)

    @routes.post(
        "/v1/candidates",
        response_model=Published,
        responses=OF_BODIES,
        openapi_extra=_body(candidate_schema(), CANDIDATE),
    )
    async def candidates(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Items that may be shown from now on, or have changed: one candidate, an array of them, or a line each.

        The answer comes when Kafka has them on all its in-sync replicas. They are retrievable a moment later.
        """
        return await _publish(publishing, request, "candidates", candidate_event, idempotency_key)

    @routes.delete("/v1/items/{item_id:path}", response_model=Published)
    async def delete(item_id: ItemId) -> Response:
        """Delete an item, whether or not it exists; publishing it again brings it back.

        The answer comes when Kafka has the deletion. No answer holds the item from a moment later on.
        """
        return await publishing.publish("candidates", lambda *_: deletion_event(item_id), [b""], None)

    return routes


def takes_lines(scope: Scope) -> bool:
    """Whether the body of a request is taken line by line while it comes in."""
    here = scope["method"] == "POST" and scope["path"] in {"/v1/exposures", "/v1/candidates"}
    return here and media_type(scope) in LINE_TYPES and not header(scope, b"idempotency-key")


async def _publish(publishing: Publishing, request: Request, stream: Stream, check: Check, key: str | None) -> Response:
    if takes_lines(request.scope):
        return await publishing.publish_lines(stream, check, request.stream())
    body = await request.body()
    once = Once(caller(request.scope), key, _fingerprint(request.scope, body)) if key else None
    return await publishing.publish(stream, check, _values(media_type(request.scope), body), once)


def _values(kind: str, body: bytes) -> list[bytes]:
    """The events of a body, each as it was written."""
    if kind in LINE_TYPES:
        lines = Lines()
        return [*lines.feed(body), *lines.end()]
    if kind != "application/json" and not kind.endswith("+json"):
        detail = f"The body is {kind or 'of no type'}."
        raise ProblemError(415, "unsupported_media_type", detail, "Send application/json or application/x-ndjson.")
    try:
        return split_body(body)
    except EventError as error:
        raise unreadable(error) from error


def _fingerprint(scope: Scope, body: bytes) -> bytes:
    return hashlib.sha256(f"{scope['path']} {media_type(scope)}\n".encode() + body).digest()


def _body(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """What the documentation says of a body that we decode ourselves."""
    several = {"type": "array", "items": schema, "maxItems": LIMITS.events}
    examples = {"one": {"value": example}, "several": {"value": [example, example | {"item_id": "i7"}]}}
    lines = {"type": "string", "description": "A JSON object a line."}
    content = {
        "application/json": {"schema": {"anyOf": [schema, several]}, "examples": examples},
        LINE_TYPES[0]: {"schema": lines, "example": json.dumps(example) + "\n"},
    }
    return {"requestBody": {"required": True, "content": content}}
