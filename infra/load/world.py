"""Users with tastes, items of kinds, and what users do when they are shown some. The same seed, the same world."""

from typing import Any, NamedTuple

import msgspec
import numpy as np

TASK = "click"
KINDS, COUNTRIES = 20, 8
MOST_LINES = 20
LIKED, UNLIKED = 0.7, 0.3  # chance of a click, by whether the item is of the user's kind
SHOWN_OF_KIND = 0.5
HOUR_MS = 3_600_000

_encode = msgspec.json.encode


class Visit(NamedTuple):
    """One record of exposures: its key, its value, and how many exposures it holds."""

    user_id: str
    value: bytes
    lines: int


class World:
    """A shop of constant size whose items come and go.

    `items` of a ring of `ids` are on offer; `turn` takes the oldest one off and puts the next of the ring on, so that
    ids come back and every table reaches a size at which it stays.
    """

    def __init__(self, users: int, items: int, ids: int, seed: int) -> None:
        if not 0 < items <= ids:
            raise ValueError(f"{items} items cannot be on offer out of {ids}")
        self._users, self._items, self._ids = users, items, ids
        self._random = np.random.default_rng(seed)
        self._oldest = 0

    @property
    def on_offer(self) -> range:
        """Numbers of the items on offer, the oldest first; above `ids` the ring begins again."""
        return range(self._oldest, self._oldest + self._items)

    def turn(self) -> tuple[str, str]:
        """The item that goes, and the one that comes."""
        gone, come = self._oldest, self._oldest + self._items
        self._oldest += 1
        return self.item_id(gone), self.item_id(come)

    def item_id(self, number: int) -> str:
        """Id of an item by its number."""
        return f"item-{number % self._ids}"

    def candidate(self, item_id: str, now_ms: int) -> bytes:
        """The item as its shop publishes it."""
        number = int(item_id.rpartition("-")[2])
        category = [f"kind-{number % KINDS}", f"shelf-{number % 97}"]
        price = 1 + number % 50
        return _encode(
            {
                "item_id": item_id,
                "timestamp": now_ms,
                "features": {"category": category, "price": price},
                "attributes": {"title": f"Item {number}", "price": price},
            }
        )

    def visit(self, now_ms: int, lines: int | None = None) -> Visit:
        """One user is shown some items, most of them of a kind the user likes."""
        random = self._random
        user = int(random.integers(self._users))
        count = lines or int(random.integers(1, MOST_LINES // 2 + 1))
        rows = self._shown(user, count)
        clicks = random.random(count) < np.where(rows % KINDS == user % KINDS, LIKED, UNLIKED)
        user_id, country = f"user-{user}", {"country": f"country-{user % COUNTRIES}"}
        context = {"hour": now_ms // HOUR_MS % 24}
        events: list[dict[str, Any]] = [
            {
                "user_id": user_id,
                "item_id": self.item_id(row),
                "timestamp": now_ms,
                "labels": {TASK: int(click)},
                "user": country,
                "context": context,
            }
            for row, click in zip(rows.tolist(), clicks.tolist(), strict=True)
        ]
        return Visit(user_id, _encode(events), count)

    def query(self, k: int) -> dict[str, Any]:
        """What the server is asked on behalf of some user."""
        user = int(self._random.integers(self._users))
        return {"user_id": f"user-{user}", "features": {"country": f"country-{user % COUNTRIES}"}, "k": k}

    def _shown(self, user: int, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        # The square of a uniform number: some items are shown far more often than others, and none of them never.
        places = (self._random.random(count) ** 2 * self._items).astype(np.int64)
        of_kind = self._random.random(count) < SHOWN_OF_KIND
        rows = self._oldest + places
        nearest = rows - rows % KINDS + user % KINDS
        return np.where(of_kind, np.clip(nearest, self._oldest, self._oldest + self._items - 1), rows)
