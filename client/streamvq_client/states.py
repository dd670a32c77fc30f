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
