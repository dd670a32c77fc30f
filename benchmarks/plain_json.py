"""Results as JSON, which knows no NaN and no infinity."""

import json
import math
from collections.abc import Mapping
from typing import Any


def plain_json(result: Any) -> str:
    """One line; numbers that are not finite become null: what was measured beside them must not be lost.

    >>> plain_json({"ratio": float("nan"), "hits": [0.5, float("inf")]})
    '{"ratio": null, "hits": [0.5, null]}'
    """
    return json.dumps(_finite(result), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
