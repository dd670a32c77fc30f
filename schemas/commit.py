"""The record that closes a version of the parameters."""

import math
from typing import Annotated

import msgspec
from msgspec import Meta
from streamvq_client.versioned import VERSION, decoder

VERSIONS_PER_MS = 1 << 20

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Partition = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Commit(msgspec.Struct, frozen=True, kw_only=True, tag_field=VERSION, tag=1):
    """One consistent cut of model, histories, placements and stream.

    Attributes:
        version: the model's; grows for ever, never reused.
        clock: exposures the model has learnt from.
        offsets: partition -> offset of the next record to learn from.
        within: partition -> elements of that record, an array, that the model has learnt from; absent for none.
        config_hash: of the model configuration in force.
        time_ms: when it was published, ms since 1970.
        publish_ms: how long the transaction before this one took, in ms.
        metrics: what the trainer measured since the last commit.
    """

    version: Count
    clock: Count
    offsets: dict[Partition, Count]
    within: dict[Partition, Count] = {}
    config_hash: str
    time_ms: Count
    publish_ms: float = 0.0
    metrics: dict[str, float] = {}


decode_commit = decoder(Commit, name="commit")


def encode_commit(commit: Commit) -> bytes:
    """JSON; metrics that are not finite are left out, for JSON has no such numbers."""
    metrics = {name: value for name, value in commit.metrics.items() if math.isfinite(value)}
    return msgspec.json.encode(msgspec.structs.replace(commit, metrics=metrics))


def first_version(last: int | None, now_ms: int) -> int:
    """First version of a trainer that starts now: above every committed one, and above any that was never committed.

    Args:
        last: version of the last commit, None before the first.
        now_ms: wall clock, ms since 1970. A clock that went back is harmless: `last` counts then.

    >>> first_version(None, 1) == 2**20, first_version(2**20 + 5, 1) == 2**20 + 6
    (True, True)
    """
    return max(-1 if last is None else last, now_ms * VERSIONS_PER_MS - 1) + 1
