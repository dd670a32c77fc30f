"""Bodies of the HTTP interface behind the console: what this server has seen since it began, and where codes lie."""

from dataclasses import dataclass
from typing import Any

Numbers = list[float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """Samples over time, as columns of equal length, oldest first; null where something was not known.

    `time` is in ms since 1970, one sample each `step_s`. What only grows is cumulative, so that a rate is a difference
    of two samples: `exposures` (counted by the indexers), `learnt` (by the trainer), `filed` (items that got their
    first cluster), `moved` (that got another), `answers` (questions answered), and of the foresight `judged` items,
    those `hits_10` and `hits_100` that were among the first 10 and 100 answered, `popular_10` and `popular_100` that
    were among the most popular. `backlog` is how many exposures Kafka holds that are not learnt yet, `lag` how many
    records this server has not read yet. `p50_ms` and `p99_ms` are of the answers since the sample before.
    """

    step_s: float
    began: int
    time: list[int]
    exposures: Numbers
    learnt: Numbers
    backlog: Numbers
    lag: Numbers
    silent_s: Numbers
    version_age_s: Numbers
    items: Numbers
    users: Numbers
    codes: Numbers
    codes_used: Numbers
    perplexity: Numbers
    filed: Numbers
    moved: Numbers
    answers: Numbers
    p50_ms: Numbers
    p99_ms: Numbers
    judged: Numbers
    hits_10: Numbers
    hits_100: Numbers
    popular_10: Numbers
    popular_100: Numbers


@dataclass(frozen=True, slots=True)
class Delays:
    """How long something took, over the last minutes: `counts` of delays up to each of `up_to_s`, the last without end.

    `p50_s` and `p99_s` are read off the counts; null without any.
    """

    what: str
    over_s: float
    up_to_s: list[float]
    counts: list[int]
    total: int
    p50_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True)
class Immediacy:
    """From an event to its being found by queries.

    `filed`: from an indexer's taking up a publication or an exposure of an item. `published`: from the time that the
    application wrote into a candidate that is new, where that lies within the last hour (a replay of old events does
    not).
    """

    filed: Delays
    published: Delays


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One item that a user liked, and at which places (from 1) the index and popularity had it before that was known.

    Null: not among the first 100 of the index. `time` is when the server read of it, ms since 1970.
    """

    time: int
    user: str
    item: str
    title: str | None
    place: int | None
    popular_place: int | None


@dataclass(frozen=True, slots=True)
class Foresight:
    """Does the index know better than popularity? Asked of sampled users just before the server reads what they liked.

    `judged` items of `samples` users count; `unclear` samples do not, because the model in force may have learnt from
    them already. A question says nothing but the user, so features that only a request brings do not help. The shares
    are over `judged`, since the server began; null without any. Sampling takes at most `share` of one core.
    """

    share: float
    samples: int
    unclear: int
    judged: int
    hit_10: float | None
    hit_100: float | None
    popular_10: float | None
    popular_100: float | None
    latest: list[Foreseen]


@dataclass(frozen=True, slots=True)
class CodebookMap:
    """Codes in two dimensions, as columns, the largest clusters first; `codes` there are, `shown` of them are here.

    `x` and `y` are along the axes in which the codes that hold items differ most; they explain shares `explained` of
    the variance, and turn only slowly from version to version. `items` are retrievable, `exposures_s` is how often
    items of the cluster were shown a second over the last minute. `sizes` counts clusters by how many items they hold:
    from `sizes_from[i]` to below the next one, the last end included.
    """

    version: int
    codes: int
    shown: int
    explained: list[float]
    id: list[int]
    x: list[float]
    y: list[float]
    items: list[int]
    exposures: list[int]
    exposures_s: list[float]
    sizes_from: list[int]
    sizes: list[int]


@dataclass(frozen=True, slots=True)
class ItemBrief:
    """An item as a line of a list: its id, the attribute that looks like a title, and its exposures."""

    id: str
    title: str | None
    exposures: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A cluster near another one: the cosine of their codes, its size and its activity."""

    id: int
    similarity: float
    items: int
    exposures_s: float


@dataclass(frozen=True, slots=True)
class ClusterHistory:
    """Items and exposures (cumulative) of a cluster over time, as columns, oldest first; ms since 1970."""

    time: list[int]
    items: list[int]
    exposures: list[int]


@dataclass(frozen=True, slots=True)
class Move:
    """An item that was filed elsewhere, when this server read of it (ms since 1970).

    `origin` is null for one that was not filed before, `to` for one that is filed no more.
    """

    time: int
    item: str
    title: str | None
    origin: int | None
    to: int | None
    version: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A cluster, its best items, the clusters nearest to it, and what became of it since this server began."""

    id: int
    items: int
    exposures: int
    exposures_s: float
    best: list[ItemBrief]
    neighbours: list[Neighbour]
    history: ClusterHistory
    moves: list[Move]


@dataclass(frozen=True, slots=True)
class Moves:
    """Items that were filed elsewhere, latest first: those of the last `kept` that this server has seen since `began`.

    `filed` and `moved` count all of them.
    """

    began: int | None
    kept: int
    filed: int
    moved: int
    moves: list[Move]


@dataclass(frozen=True, slots=True)
class ActiveUser:
    """A user whose history changed; `time` is that of the latest item liked, ms since 1970."""

    id: str
    liked: int
    time: int | None


@dataclass(frozen=True, slots=True)
class ActiveUsers:
    """Users whose histories changed last, latest first; before any did, some that are known. `total` are known."""

    users: list[ActiveUser]
    total: int


@dataclass(frozen=True, slots=True)
class Letter:
    """An event that was not taken: why, where it came from, and its bytes.

    `key` and `value` are text, or null and what is no UTF-8 is in `key_base64` and `value_base64`. Of a value only the
    beginning; `value_bytes` is how long it was.
    """

    time: int
    reason: str
    detail: str
    place: str
    replayed: bool
    key: str | None
    value: str | None
    value_bytes: int
    key_base64: str | None = None
    value_base64: str | None = None


@dataclass(frozen=True, slots=True)
class Letters:
    """The newest dead letters, latest first, of those in the last `looked` records of the topic.

    `reasons` counts them; `complete` when there are no older records. `foreign` records are no letters.
    """

    letters: list[Letter]
    reasons: dict[str, int]
    looked: int
    complete: bool
    foreign: int


def title_of(attributes: dict[str, Any]) -> str | None:
    """What of the attributes people would call the item, if anything looks like it.

    >>> title_of({"lang": "de", "title": "A mug"}), title_of({"price": 3})
    ('A mug', None)
    """
    for name in ("title", "name", "label", "description"):
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return value if len(value) <= TITLE_LENGTH else value[: TITLE_LENGTH - 1] + "…"
    return None


TITLE_LENGTH = 160
