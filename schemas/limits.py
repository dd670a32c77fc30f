"""How large anything may be that comes from outside a process; `docs/input.md` lists all of it."""

from dataclasses import dataclass

from streamvq_client.limits import DAY_MS, LIMITS, EventLimits

__all__ = ["DAY_MS", "FILES", "LIMITS", "RECORDS", "REQUESTS", "EventLimits", "RecordLimits"]


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
        filter_depth: levels of a filter.
        filter_conditions: conditions in a filter.
        filter_values: values that one condition lists.
        quotas: groups that an answer is spread over.
    """

    k: int = 1000
    history: int = 1000
    excluded: int = 10_000
    tasks: int = 64
    candidates: int = 1_000_000
    listed: int = 10_000
    filter_depth: int = 8
    filter_conditions: int = 64
    filter_values: int = 1000
    quotas: int = 4


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Limits of files that people write.

    Attributes:
        settings_bytes: the settings file. Its parser takes time by the square of a dotted key's length.
    """

    settings_bytes: int = 64 * 1024


RECORDS = RecordLimits()
REQUESTS = RequestLimits()
FILES = FileLimits()
