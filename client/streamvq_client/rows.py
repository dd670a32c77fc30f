"""Rows of the four tables: JSON objects with a format version `v`, keyed by the plain UTF-8 id.

Every row has a version of its own, the tag of its type; `streamvq_client.versioned` says how to change one.
"""

import math
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from streamvq_client.errors import FormatError
from streamvq_client.versioned import VERSION, decoder

NO_CLUSTER = -1

Cluster = Annotated[int, Meta(ge=NO_CLUSTER, le=2**31 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Number = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class ItemRow(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag_field=VERSION, tag=1):
    """What is known of an item: table `items`.

    Attributes:
        features: what the model sees.
        attributes: what filters and people see.
        published: the event's time, ms since 1970.
        deleted: when it was deleted, ms since 1970; the row is then only a mark, so that late events do not
            bring it back.
        bare: nobody published it, it was only seen in an exposure.
    """

    features: dict[str, Any]
    attributes: dict[str, Any]
    published: Number
    deleted: Number | None = None
    bare: bool = False


class ItemIndexRow(msgspec.Struct, frozen=True, tag_field=VERSION, tag=1):
    """Where an item is filed: table `item_index`.

    Attributes:
        clusters: cluster id, one a facet; -1 = not filed yet.
        bias: one a task.
        popularity: forward-decayed log count, one a half-life of the model configuration. It counts only where there
            are `exposures`, and is empty where there are none: such an item has what one published now has, which
            grows with every version; a number written at one moment would fade against the others.
        exposures: exposures counted for this item so far.
        version: model version that placed it.
        time: when the last candidate or placement with exposures of the item arrived at Kafka, ms since 1970.
        published: as in `ItemRow`.
    """

    clusters: list[Cluster]
    bias: list[float]
    popularity: list[float]
    exposures: Count
    version: Number
    time: Number
    published: Number


class ClusterRow(msgspec.Struct, frozen=True, gc=False, tag_field=VERSION, tag=1):
    """One partition's share of a cluster: table `clusters`, key = cluster id. Add the partitions up.

    Key "-1" holds the items without a cluster, and the exposures of items that have no row.
    """

    items: Count
    exposures: Count
    time: Number


class HistoryRow(msgspec.Struct, frozen=True, tag_field=VERSION, tag=1):
    """A user's latest positive items, oldest first, and when each was shown (ms since 1970): table `histories`."""

    items: list[str]
    times: list[Number]

    def __post_init__(self) -> None:
        if len(self.items) != len(self.times):
            raise ValueError(f"{len(self.items)} items, {len(self.times)} times")


Row = ItemRow | ItemIndexRow | ClusterRow | HistoryRow

_encoder = msgspec.json.Encoder()


def encode(row: Row) -> bytes:
    """The row as it is written to Kafka.

    Raises:
        FormatError: a bias or popularity is not finite; JSON has no such numbers and no reader could read the row.
    """
    if type(row) is ItemIndexRow and not math.isfinite(sum(row.bias) + sum(row.popularity)):
        raise FormatError(f"bias and popularity must be finite: {row.bias}, {row.popularity}")
    return _encoder.encode(row)


decode_item = decoder(ItemRow)
decode_item_index = decoder(ItemIndexRow)
decode_cluster = decoder(ClusterRow)
decode_history = decoder(HistoryRow)
