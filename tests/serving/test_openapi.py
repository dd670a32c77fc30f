"""Every endpoint shows an example of what it takes and what it answers, and the examples are what they claim to be."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter

from schemas import http, http_console, http_near, http_state
from schemas.http import Problem
from schemas.settings import Settings
from serving.app import Server

OURS = {"retrieve", "index", "health", "console"}
BODIES = {**vars(http), **vars(http_near), **vars(http_state), **vars(http_console)}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in Server(Settings()).app.openapi()["paths"].items():
        for method, operation in methods.items():
            if OURS & set(operation["tags"]):
                yield f"{method.upper()} {path}", operation


OPERATIONS = dict(operations())


def check(content: dict[str, Any], example: Any) -> None:
    """The example is what the schema beside it names."""
    name = content["schema"].get("$ref", "").rpartition("/")[2]
    if name:
        TypeAdapter(BODIES[name]).validate_json(json.dumps(example))
    else:
        assert content["schema"] == {}
        assert example


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_operation_has_examples_that_fit(name: str) -> None:
    operation = OPERATIONS[name]
    assert "200" in operation["responses"]
    for status, response in operation["responses"].items():
        contents = response.get("content", {})
        if "application/problem+json" in contents:
            example = contents["application/problem+json"]["example"]
            assert str(TypeAdapter(Problem).validate_python(example).status) == status
        elif status == "200" and name != "GET /metrics":
            check(contents["application/json"], contents["application/json"]["example"])
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        assert content["examples"]
        for example in content["examples"].values():
            check(content, example["value"])


def test_all_endpoints_of_these_kinds_are_looked_at() -> None:
    wanted = {"POST /v1/retrieve", "GET /v1/tables/{table}/{key}", "GET /readyz", "POST /v1/items/{item_id}/similar"}
    assert wanted <= OPERATIONS.keys()
