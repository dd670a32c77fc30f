"""Bodies of the HTTP interface that show the state of index, model and server."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ItemState:
    """Everything the server holds of one item.

    `retrievable` when it is both published and filed. `clusters`, `bias` (by task), `popularity` (forward-decayed log
    counts, one a half-life; empty without exposures), `exposures`, `version` and `time` (ms since 1970) are those of
    its index row, `age_s` the seconds since `time`, when it was published or exposed last; they are null while it is
    not filed. `log_share` is log p by the half-life in use; of an item without exposures that of one published now.
    """

    id: str
    retrievable: bool
    bare: bool
    published: int | None
    features: dict[str, Any]
    attributes: dict[str, Any]
    clusters: list[int] | None
    bias: dict[str, float] | None
    popularity: list[float] | None
    log_share: float | None
    exposures: int | None
    version: int | None
    time: int | None
    age_s: float | None


@dataclass(frozen=True, slots=True)
class ClusterState:
    """One cluster: `items` and `exposures` as the indexers count them, `retrievable`: those that queries can find."""

    id: int
    items: int
    exposures: int
    retrievable: int


@dataclass(frozen=True, slots=True)
class ClusterList:
    """Some clusters in the order asked for, and how many there are."""

    clusters: list[ClusterState]
    total: int


@dataclass(frozen=True, slots=True)
class ClusterItems:
    """One cluster with its best items by bias and popularity."""

    cluster: ClusterState
    items: list[str]


@dataclass(frozen=True, slots=True)
class TopicState:
    """How far a topic has been read: records not read yet, and whether the end seen at start has been reached."""

    topic: str
    lag: int
    caught_up: bool


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether answers are to be trusted, what they wait for, and how old what was last read is.

    `remaining` is how many records are still to be read. `silent_s` is the time since Kafka last answered: when it
    grows, queries go on from memory. `version_age_s` is the time since the model's version was published.
    """

    ready: bool
    waiting_for: list[str]
    remaining: int
    topics: list[TopicState]
    silent_s: float | None
    version_age_s: float | None


@dataclass(frozen=True, slots=True)
class Stats:
    """The index in numbers.

    `items` are retrievable; `filed` of them have a code. `perplexity` is the number of equally large clusters that
    would be as evenly filled as these. `exposures` is the number counted over all clusters.
    """

    items: int
    filed: int
    users: int
    codes: int
    codes_used: int
    perplexity: float
    largest_cluster: int
    codebook_started: bool
    exposures: int
    tasks: list[str]
    half_life: float | None
    version: int
    clock: int
    version_age_s: float | None
    readiness: Readiness


@dataclass(frozen=True, slots=True)
class Member:
    """One item of a cluster: bias by task, log p by the half-life in use, exposures, and the version that filed it."""

    id: str
    bias: dict[str, float]
    log_share: float | None
    exposures: int
    version: int
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MemberPage:
    """A page of a cluster, best first by bias and popularity, of `total` retrievable items.

    `next_offset` is where the next page begins, null on the last one. The index changes from page to page: an item that
    moved meanwhile may come twice or not at all.
    """

    cluster: int
    task: str | None
    items: list[Member]
    offset: int
    total: int
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class AttributeState:
    """A name of an attribute, or else a feature, and how many published items have a value of it."""

    name: str
    items: int


@dataclass(frozen=True, slots=True)
class AttributeList:
    """What filters and quotas can name, most frequent first, of `total` there are."""

    attributes: list[AttributeState]
    total: int


@dataclass(frozen=True, slots=True)
class Liked:
    """An item of a history and when it was shown, ms since 1970."""

    item: str
    time: int


@dataclass(frozen=True, slots=True)
class UserState:
    """What the server holds of one user: the history, oldest first, and whether the model has a vector of its own."""

    id: str
    history: list[Liked]
    embedded: bool


@dataclass(frozen=True, slots=True)
class TableList:
    """Tables whose rows the server holds, and how many."""

    tables: dict[str, int]


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table, as the server holds it; times in ms since 1970.

    Of `clusters` it is the sum over the partitions. Marks of deleted items are no rows. `svq table get` reads the row
    from Kafka instead.
    """

    table: str
    key: str
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Versions:
    """What is in force: the software, and the model with its place in the stream.

    `version` and `clock` (exposures learnt from) are 0 before there is a model; `offsets` say up to where each
    partition of the exposures was learnt; `time` is when the version was published, ms since 1970.
    """

    streamvq: str
    version: int
    clock: int
    time: int | None
    age_s: float | None
    offsets: dict[str, int]
    configuration: str | None
    codes: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings of this server as they are in effect, passwords hidden, and the model's as the trainer published it."""

    settings: dict[str, Any]
    model: dict[str, Any] | None
