"""Errors as callers see them: problem+json, with what to do about it and never a stack trace."""

from collections.abc import Mapping
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from schemas.http import Problem, QueryError
from serving.json_body import encode_json

MEDIA_TYPE: Final = "application/problem+json"
TITLES: Final = {
    400: "The request cannot be read",
    401: "The request names no key that is known",
    403: "The key does not allow this",
    404: "Not found",
    405: "Method not allowed",
    408: "The request came too slowly",
    413: "The body is too large",
    415: "The body is of a type that is not taken here",
    422: "The request cannot be answered as it is",
    429: "Too much at a time",
    500: "A defect of the server",
    503: "Not now",
}

log = structlog.get_logger(__name__)


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self, status: int, code: str, detail: str, remedy: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.problem = problem(status, code, detail, remedy)
        self.headers = headers


def no_such_cluster(cluster_id: int) -> ProblemError:
    """For whoever asks for a cluster that the index does not hold."""
    return ProblemError(404, "no_such_cluster", f"There is no cluster {cluster_id}.", "See /v1/clusters.")


def problem(status: int, code: str, detail: str, remedy: str) -> Problem:
    """A problem of a kind that callers can tell by its code."""
    return Problem(f"urn:streamvq:problem:{code}", TITLES.get(status, "Error"), status, detail, code, remedy)


def problem_response(what: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as a response; 429 and 503 say when to try again."""
    again = {"Retry-After": "1"} if what.status in {429, 503} else {}
    return Response(encode_json(what), what.status, again | dict(headers or {}), MEDIA_TYPE)


def install_problems(app: FastAPI) -> None:
    """Let every error of the application leave it as a problem."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(QueryError, _query)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for this type
    return problem_response(error.problem, error.headers)


async def _query(_: Request, error: Exception) -> Response:
    assert isinstance(error, QueryError)  # noqa: S101 - registered for this type
    return problem_response(problem(422, error.code, str(error), error.remedy))


async def _validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type
    first: dict[str, Any] = error.errors()[0]
    if first["type"] == "json_invalid":
        return _not_json(f"The body is not JSON: {first.get('ctx', {}).get('error', first['msg'])}.")
    where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    more = len(error.errors()) - 1
    detail = f"{where}: {first['msg'].removeprefix('Value error, ')}" + (f" (and {more} more)" if more else "")
    return problem_response(problem(422, "invalid_request", detail, "See /docs for what this request may hold."))


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    if error.status_code == 400:  # it comes from reading the body alone: not UTF-8, nested too deeply, endless digits
        return _not_json(f"{error.detail}.")
    code = {404: "no_such_path", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    what = problem(error.status_code, code, str(error.detail), "See /docs for what there is.")
    return problem_response(what, error.headers)


def _not_json(detail: str) -> Response:
    return problem_response(problem(400, "not_json", detail, "Send a JSON object as described at /docs."))
