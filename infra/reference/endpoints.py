"""Every endpoint of the server, with what it takes and answers."""

from collections.abc import Iterator
from typing import Any

from infra.reference.page import begin, code, table
from schemas.settings import Settings
from serving.app import Server

ABOUT = """What a server answers; its own page at `/docs`, and `/openapi.json`, have every field with examples."""
METHODS = ("get", "post", "put", "patch", "delete")


def page() -> Iterator[str]:
    """The page."""
    document = Server(Settings()).app.openapi()
    yield from begin("HTTP endpoints", ABOUT)
    for method, path, operation in endpoints(document):
        yield from (f"## {method.upper()} {path}", "", operation.get("description", ""), "")
        yield from table(
            ("parameter", "in", "type", "what"), [_parameter(one) for one in operation.get("parameters", [])]
        )
        body = _media(operation.get("requestBody", {}))
        if body:
            yield from (f"Takes {body}.", "")
        yield from table(("status", "answer"), [_answer(*one) for one in operation["responses"].items()])
    yield from ("## Bodies", "")
    for name, schema in document["components"]["schemas"].items():
        if schema.keys() & {"properties", "enum"}:
            yield from (f"### {name}", "", (schema.get("description") or "").split("\n\n")[0], "")
        if "enum" in schema:
            yield from (f"One of {_kind(schema)}.", "")
        if schema.get("properties"):
            wanted = schema.get("required", [])
            rows = [_field(field, one, wanted) for field, one in schema["properties"].items()]
            yield from table(("field", "type", "default", "what"), rows)


def endpoints(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation."""
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                yield method, path, operations[method]


def _parameter(one: dict[str, Any]) -> tuple[str, str, str, str]:
    return code(one["name"]), one["in"], _kind(one["schema"]), one.get("description", "")


def _answer(status: str, response: dict[str, Any]) -> tuple[str, str]:
    return status, _media(response) or response.get("description", "")


def _media(holder: dict[str, Any]) -> str:
    kinds = [(kind, _kind(content.get("schema", {}))) for kind, content in holder.get("content", {}).items()]
    return ", ".join(f"{body or 'any'} as `{kind}`" for kind, body in kinds if body or kind != "application/json")


def _field(name: str, schema: dict[str, Any], wanted: list[str]) -> tuple[str, str, str, str]:
    default = (
        "required" if name in wanted else code(str(schema["default"])) if schema.get("default") is not None else ""
    )
    return code(name), _kind(schema), default, schema.get("description", "")


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema or "const" in schema:
        return ", ".join(code(str(value)) for value in schema.get("enum", [schema.get("const")]))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(part) for part in schema[several] if part.get("type") != "null"))
    kind = str(schema.get("type", ""))
    if kind == "array":
        return f"array of {_kind(schema.get('items', {})) or 'anything'}"
    return kind
