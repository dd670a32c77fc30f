"""A record of a topic."""

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """One committed record; a value of None deletes its key. Timestamp in ms since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
