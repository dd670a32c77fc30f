"""Who makes a request."""

from typing import Final

from starlette.types import Scope

ANYBODY: Final = "anybody"


def caller(scope: Scope) -> str:
    """Id of the key that a request was made with, or `ANYBODY` where none is needed."""
    return str(scope.get("state", {}).get("caller", ANYBODY))
