"""How large anything may be that comes from outside a process; `docs/input.md` lists all of it."""

from dataclasses import dataclass

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class EventLimits:
    """Limits of the events that applications publish; what is beyond goes to the dead letters.

    Attributes:
        value_bytes: a record's value.
        events: exposures in one record. Each one that cannot be taken becomes a dead letter of its own.
        id_bytes: an id in UTF-8. Ids are part of Kafka keys.
        text_length: characters of a text feature. Its values become ids of embedding rows.
        list_length: values of one feature.
        features: features of one user, item or context, labels of one exposure, attributes of one item.
        depth: nesting of an item's attributes.
        values: values in an item's attributes, those inside others included. Every server holds them in memory.
        number: size of a feature or label, the largest 32-bit float: the model computes in those.
        oldest_ms: 1990-01-01. Replays of old events are fine, seconds instead of milliseconds are not.
        ahead_ms: how far an event may lie in the future: clocks differ, and time zones are forgotten.
    """

    value_bytes: int = 1 << 20
    events: int = 10_000
    id_bytes: int = 256
    text_length: int = 1024
    list_length: int = 256
    features: int = 256
    depth: int = 8
    values: int = 4096
    number: float = 3.4028234e38
    oldest_ms: int = 631_152_000_000
    ahead_ms: int = DAY_MS


@dataclass(frozen=True, slots=True)
class RecordLimits:
    """Limits of the records that workers write for each other; what is beyond is no such record, and ends its reader.

    Attributes:
        dims: dimensions of an array.
        array_bytes: size of an array as its header declares it, whatever came of it.
        block_rows: placements in one block of assignments.
        key_bytes: of the key that a dead letter keeps; the rest is cut.
        detail_length: characters of a dead letter's detail.
    """

    dims: int = 8
    array_bytes: int = 1 << 34
    block_rows: int = 4096
    key_bytes: int = 64 * 1024
    detail_length: int = 1000


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits of a question to the server, beside those that its settings set; what is beyond is answered with 4xx.

    Attributes:
        k: items wanted.
        history: items that the user liked.
        excluded: items that must not be in the answer.
        tasks: weights of tasks.
        candidates: items that go from the index to the ranker.
        listed: clusters, or items of a cluster, in one answer.
    """

    k: int = 1000
    history: int = 1000
    excluded: int = 10_000
    tasks: int = 64
    candidates: int = 1_000_000
    listed: int = 10_000


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Limits of files that people write.

    Attributes:
        settings_bytes: the settings file. Its parser takes time by the square of a dotted key's length.
    """

    settings_bytes: int = 64 * 1024


LIMITS = EventLimits()
RECORDS = RecordLimits()
REQUESTS = RequestLimits()
FILES = FileLimits()
