"""Teaches schemathesis to send bodies of lines; it is loaded by it, not by us."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> dict[str, Any]:
    """A text as it is, anything else as one line of JSON."""
    if isinstance(value, bytes):
        return {"data": value}
    return {"data": (value if isinstance(value, str) else json.dumps(value)).encode(errors="surrogatepass")}
