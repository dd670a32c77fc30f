"""Response bodies as JSON."""

import json
from dataclasses import asdict, is_dataclass
from typing import Any

import orjson
from fastapi import Response


def encode_json(body: Any) -> bytes:
    """A dataclass, dict or list as JSON bytes.

    orjson refuses integers beyond 64 bits and lone surrogates, which attributes that somebody published may hold.
    """
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(plain(body)).encode()


def plain(body: Any) -> Any:
    """A dataclass as dicts and lists."""
    return asdict(body) if is_dataclass(body) and not isinstance(body, type) else body


def json_response(body: Any) -> Response:
    """A response of our own values: checking them against a schema would cost more than a query."""
    return Response(encode_json(body), media_type="application/json")
