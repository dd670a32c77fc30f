"""The OpenAPI document: beside what each route says of itself, what is true of all of them."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI

from serving.examples import PROBLEMS
from serving.guard import GUARDED
from serving.json_body import plain
from serving.problems import MEDIA_TYPE, TITLES

METHODS: Final = ("get", "post", "put", "patch", "delete")
ANYWHERE: Final = (400, 408, 413, 500, 503)
GUARDED_TOO: Final = (401, 403, 429)
SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: `svq keys create`."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same, in another header."},
}
PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
NEEDS: Final[list[dict[str, list[str]]]] = [{"bearer": []}, {"key": []}, {}]
"""One of the two, or nothing where the server is run without keys."""


class Described(FastAPI):
    """An application whose document says what its gate and its guard do."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            document["components"]["securitySchemes"] = SCHEMES
            for path, operation in _operations(document):
                _complete(path, operation)
        return super().openapi()


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                yield path, operations[method]


def _complete(path: str, operation: dict[str, Any]) -> None:
    guarded = path.startswith(GUARDED)
    if guarded:
        operation["security"] = NEEDS
    responses = operation["responses"]
    for status in ANYWHERE + (GUARDED_TOO if guarded else ()):
        responses.setdefault(str(status), {"content": {MEDIA_TYPE: {"schema": PROBLEM}}})
    for status, response in responses.items():
        if status.isdigit() and int(status) in PROBLEMS:
            _as_problem(response, int(status))
    operation["responses"] = dict(sorted(responses.items()))


def _as_problem(response: dict[str, Any], status: int) -> None:
    """Errors are problem+json, whatever a route's usual type is; one that is not ready says so in its own body."""
    content = response["content"]
    given = content.get("application/json", {}).get("schema")
    if given is not None and not given.get("$ref", "").endswith("/Readiness"):
        del content["application/json"]
    else:
        given = PROBLEM
    ours = content.setdefault(MEDIA_TYPE, {})
    ours.setdefault("schema", given)
    ours.setdefault("example", plain(PROBLEMS[status]))
    response["description"] = TITLES[status]
