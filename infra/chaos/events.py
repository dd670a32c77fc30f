"""A seeded stream as several applications would write it: single events and fat arrays, deletions, and poison."""

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from streamvq_client.partitioner import partition_of

USERS, ITEMS = 3_000, 2_000
# Items that nobody publishes as candidates: they are only ever exposed.
UNPUBLISHED = 50
# Sizes of records and how often they come: mean 33 events.
SIZES = ((1, 1, 0.5), (2, 16, 0.3), (64, 256, 0.19), (0, 0, 0.01))
POISONED = 0.01
WHOLE = -1  # as a place in an array: the record is none
DELETED, ASTRAY, ERASED = 0.08, 0.04, 0.003
LATE_MS = 5_000
DAY_MS = 86_400_000

_encode = msgspec.json.encode


class Sent(NamedTuple):
    """One record as it is published.

    Attributes:
        events: elements of an array of exposures, 0 where a user is erased; 1 for anything else.
        poison: elements that cannot be taken, by place; -1 for the record as a whole.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    events: int = 1
    poison: tuple[int, ...] = ()


# What makes an exposure unusable. NaN is written by hand: no encoder of ours writes it.
_SPOIL: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (
    lambda event: {name: value for name, value in event.items() if name != "item_id"},
    lambda event: event | {"item_id": ""},
    lambda event: event | {"timestamp": event["timestamp"] // 1000},
    lambda event: event | {"timestamp": event["timestamp"] + 3 * DAY_MS},
    lambda event: event | {"timestamp": "yesterday"},
    lambda event: event | {"labels": {"sold": 1}},
    lambda event: event | {"user_id": ["u1"]},
    lambda event: event | {"labels": {"click": 1e300}},
    lambda event: event | {"item_id": "i" * 300},
)
_BROKEN = (b"", b"not json", b'{"user_id": "u1", ', b'"text"', b"17", b"\xff\xfe\x00", b"[1, 2", b"null")
_BROKEN_CANDIDATE = (b"", b"not json", b'{"item_id": ', b"[]", b'{"item_id": "another"}', b'{"features": 3}', b"\xff")


class Events:
    """Endless records of both topics.

    Every user has one home partition, also in arrays of several users: the order of a user's events is then the order
    of that partition, and what the history of the user must be can be said from the topic alone.
    """

    def __init__(self, seed: int, partitions: int, exposures: str, candidates: str) -> None:
        self.seed = seed
        self._rng = random.Random(seed)  # noqa: S311 - a seed is the point
        self._partitions, self._exposures, self._candidates = partitions, exposures, candidates
        self._homes: list[list[str]] = [[] for _ in range(partitions)]
        for user in (f"u{number}" for number in range(USERS)):
            self._homes[partition_of(user.encode(), partitions)].append(user)

    def catalogue(self, now_ms: int) -> list[Sent]:
        """Every item that is published at all, once."""
        return [self._item(f"i{number}", now_ms) for number in range(ITEMS)]

    def exposures(self, now_ms: int) -> Sent:
        """The next record of exposures."""
        rng = self._rng
        partition = rng.randrange(self._partitions)
        least, most, _ = rng.choices(SIZES, [share for *_, share in SIZES])[0]
        size = rng.randint(least, most)
        poisoned = rng.random() < POISONED
        key = rng.choice(self._homes[partition]).encode()
        if rng.random() < ERASED:
            return Sent(self._exposures, partition, key, None, 0)
        if poisoned and (size == 0 or rng.random() < 0.5):
            return Sent(self._exposures, partition, key, rng.choice(_BROKEN), 1, (WHOLE,))
        events = [self._exposure(partition, now_ms) for _ in range(size)]
        spoilt = tuple(sorted(rng.sample(range(size), min(size, rng.randint(1, 3))))) if poisoned else ()
        for place in spoilt:
            events[place] = rng.choice(_SPOIL)(events[place])
        if size == 1 and rng.random() < 0.5:
            return Sent(self._exposures, partition, key, _encode(events[0]), 1, (WHOLE,) if spoilt else ())
        return Sent(self._exposures, partition, key, _encode(events), size, spoilt)

    def candidate(self, now_ms: int) -> Sent:
        """The next change of the catalogue: an item anew, changed or deleted, sometimes at the wrong partition."""
        rng = self._rng
        item = f"i{self._popular(ITEMS)}"
        if rng.random() < POISONED:
            key = item.encode()
            return Sent(
                self._candidates, rng.randrange(self._partitions), key, rng.choice(_BROKEN_CANDIDATE), 1, (WHOLE,)
            )
        sent = self._item(item, now_ms)
        if rng.random() < DELETED:
            sent = sent._replace(value=None)
        if rng.random() < ASTRAY:
            sent = sent._replace(partition=rng.randrange(self._partitions))
        return sent

    def _item(self, item: str, now_ms: int) -> Sent:
        rng = self._rng
        body = {
            "item_id": item,
            "timestamp": now_ms,
            "features": {"words": [f"w{rng.randrange(100)}" for _ in range(3)], "price": rng.randrange(10_000) / 100},
            "attributes": {"title": f"Item {item}, {rng.randrange(1000)}"},
        }
        key = item.encode()
        return Sent(self._candidates, partition_of(key, self._partitions), key, _encode(body))

    def _exposure(self, partition: int, now_ms: int) -> dict[str, Any]:
        rng = self._rng
        known = rng.random() > 0.01
        return {
            "user_id": rng.choice(self._homes[partition]),
            "item_id": f"i{self._popular(ITEMS)}" if known else f"x{rng.randrange(UNPUBLISHED)}",
            "timestamp": now_ms - rng.randrange(LATE_MS),
            "labels": {"click": int(rng.random() < 0.2)},
        }

    def _popular(self, count: int) -> int:
        """Small numbers much more often than large ones."""
        return int(count * self._rng.random() ** 3)
