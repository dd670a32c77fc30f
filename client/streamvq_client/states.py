"""What the server holds, as it tells: items, clusters, numbers, readiness."""

from typing import Any

import msgspec


class ItemState(msgspec.Struct, frozen=True):
    """Everything the server holds of one item.

    Attributes:
        id: its id.
        retrievable: published and filed, so that answers can hold it.
        bare: nobody published it, it was only seen in an exposure.
        published: when, ms since 1970.
        features: what the model sees.
        attributes: what filters and people see.
        clusters: where it is filed, one a facet; like all that follows None while it is not.
        bias: by task.
        popularity: forward-decayed log counts, one a half-life; empty without exposures.
        log_share: log p by the half-life in use.
        exposures: counted so far.
        version: model version that filed it.
        time: when it was published or exposed last, ms since 1970.
        age_s: seconds since then.
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


class ClusterState(msgspec.Struct, frozen=True):
    """One cluster: `items` and `exposures` as the indexers count them, `retrievable`: those that queries can find."""

    id: int
    items: int
    exposures: int
    retrievable: int


class ClusterList(msgspec.Struct, frozen=True):
    """Some clusters in the order asked for, and how many there are."""

    clusters: list[ClusterState]
    total: int


class ClusterItems(msgspec.Struct, frozen=True):
    """One cluster with its best items by bias and popularity."""

    cluster: ClusterState
    items: list[str]


class TopicState(msgspec.Struct, frozen=True):
    """How far a topic has been read: records not read yet, and whether the end seen at the start has been reached."""

    topic: str
    lag: int
    caught_up: bool


class Readiness(msgspec.Struct, frozen=True):
    """Whether answers are to be trusted, what they wait for, and how old what was last read is.

    Attributes:
        ready: everything that was there at the start has been read.
        waiting_for: what has not, in words.
        remaining: records still to be read.
        topics: how far each has been read.
        silent_s: since Kafka last answered; queries go on from memory.
        version_age_s: since the model's version was published.
    """

    ready: bool
    waiting_for: list[str]
    remaining: int
    topics: list[TopicState]
    silent_s: float | None
    version_age_s: float | None


class Stats(msgspec.Struct, frozen=True):
    """The index in numbers.

    Attributes:
        items: retrievable ones.
        filed: those of them with a code.
        users: with a history.
        codes: of the model.
        codes_used: with an item.
        perplexity: how many equally large clusters would be as evenly filled.
        largest_cluster: its items.
        codebook_started: whether there is one.
        exposures: counted over all clusters.
        tasks: names.
        half_life: in use, in exposures.
        version: of the model.
        clock: exposures that it learnt from.
        version_age_s: since it was published.
        readiness: as `/readyz` says.
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


class Member(msgspec.Struct, frozen=True):
    """One item of a cluster: bias by task, log p by the half-life in use, exposures, and the version that filed it."""

    id: str
    bias: dict[str, float]
    log_share: float | None
    exposures: int
    version: int
    attributes: dict[str, Any]


class MemberPage(msgspec.Struct, frozen=True):
    """A page of a cluster, best first by bias and popularity, of `total` retrievable items.

    `next_offset` is where the next page begins, None on the last one. The index changes from page to page: an item that
    moved meanwhile may come twice or not at all.
    """

    cluster: int
    task: str | None
    items: list[Member]
    offset: int
    total: int
    next_offset: int | None


class AttributeState(msgspec.Struct, frozen=True):
    """A name of an attribute, or else a feature, and how many published items have a value of it."""

    name: str
    items: int


class AttributeList(msgspec.Struct, frozen=True):
    """What filters and quotas can name, most frequent first, of `total` there are."""

    attributes: list[AttributeState]
    total: int


class Liked(msgspec.Struct, frozen=True):
    """An item of a history and when it was shown, ms since 1970."""

    item: str
    time: int


class UserState(msgspec.Struct, frozen=True):
    """What the server holds of one user: the history, oldest first, and whether the model has a vector of its own."""

    id: str
    history: list[Liked]
    embedded: bool


class TableList(msgspec.Struct, frozen=True):
    """Tables whose rows the server holds, and how many."""

    tables: dict[str, int]


class TableRow(msgspec.Struct, frozen=True):
    """One row of a table; of `clusters` the sum over the partitions."""

    table: str
    key: str
    row: dict[str, Any]


class Versions(msgspec.Struct, frozen=True):
    """What is in force: the software, and the model with its place in the stream.

    Attributes:
        streamvq: of the software.
        version: of the model, 0 before there is one.
        clock: exposures that it learnt from.
        time: when it was published, ms since 1970.
        age_s: seconds since then.
        offsets: partition of the exposures -> up to where it was learnt.
        configuration: a hash of the model's.
        codes: of the model.
    """

    streamvq: str
    version: int
    clock: int
    time: int | None
    age_s: float | None
    offsets: dict[str, int]
    configuration: str | None
    codes: int


class Configuration(msgspec.Struct, frozen=True):
    """Settings of the server as they are in effect, passwords hidden, and the model's as the trainer published it."""

    settings: dict[str, Any]
    model: dict[str, Any] | None
