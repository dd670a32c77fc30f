"""Live items and their features."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from pipeline.ages import Ages
from pipeline.arrays import Bools

ITEMS_A_BUCKET = 8
EMPTY: Mapping[str, Any] = {}


class Catalogue:
    """Item id to features, with uniform sampling that depends on the set of ids alone, not on how it came about.

    Ids live in hash buckets, sorted within each; a draw picks a bucket and a place in it, and tries again when that
    place is empty, so that every item is equally likely.

    >>> catalogue = Catalogue()
    >>> catalogue.put("a", {"price": 2.0})
    >>> catalogue.sample(2, np.random.default_rng(0))
    ['a', 'a']
    """

    def __init__(self, max_age_ms: int | None = None) -> None:
        """`max_age_ms`: items published longer ago than that are not drawn (`as_of`); None: however old."""
        self._max_age_ms, self._ages = max_age_ms, Ages()
        self._features: dict[str, Mapping[str, Any]] = {}
        self._undrawn: set[str] = set()
        self._buckets: list[list[str]] = [[]]
        self._sizes: Counter[int] = Counter({0: 1})

    def __len__(self) -> int:
        return len(self._features)

    def __contains__(self, name: str) -> bool:
        return name in self._features

    def names(self) -> list[str]:
        """All ids, sorted."""
        return sorted(self._features)

    def get(self, name: str) -> Mapping[str, Any]:
        """Features of the item, empty when it is not here."""
        return self._features.get(name, EMPTY)

    def features(self, names: Iterable[str]) -> list[Mapping[str, Any]]:
        """Features of items, as `get` has them."""
        return list(map(self._features.get, names, repeat(EMPTY)))

    @property
    def drawn(self) -> int:
        """Items that `sample` draws from."""
        return len(self._features) - len(self._undrawn)

    def draws(self, names: Sequence[str]) -> Bools:
        """Whether each may be drawn: all but those that were put as not to be, (n,)."""
        return np.array([name not in self._undrawn for name in names], np.bool_)

    def put(self, name: str, features: Mapping[str, Any], *, drawn: bool = True, published: int = 0) -> None:
        """Add the item, or replace its features; `sample` never gives one that is not to be `drawn`.

        Args:
            name: its id.
            features: what is known of it.
            drawn: whether it may be drawn while it is young enough.
            published: ms since 1970; read only where there is an age limit.
        """
        if name not in self._features:
            self._undrawn.add(name)
        self._features[name] = features
        if self._max_age_ms is not None and drawn:
            drawn = self._ages.put(name, published)
        elif self._max_age_ms is not None:
            self._ages.remove(name)
        self._draw(name, drawn=drawn)

    def as_of(self, now_ms: int) -> None:
        """Draw from the items that are young enough at a time, ms since 1970; it may go back."""
        if self._max_age_ms is None:
            return
        old, young = self._ages.move(now_ms - self._max_age_ms)
        for name in old:
            self._draw(name, drawn=False)
        for name in young:
            self._draw(name, drawn=True)

    def delete(self, name: str) -> bool:
        """Remove the item; whether it was here."""
        if self._features.pop(name, None) is None:
            return False
        self._ages.remove(name)
        if name in self._undrawn:
            self._undrawn.remove(name)
        else:
            self._unfile(name)
        return True

    def sample(self, n: int, rng: np.random.Generator) -> list[str]:
        """`n` ids drawn uniformly with replacement; none where there are none to draw."""
        if not self.drawn:
            return []
        deepest = max(self._sizes)
        chosen: list[str] = []
        while len(chosen) < n:
            draws = 2 * (n - len(chosen)) + 16
            buckets = rng.integers(len(self._buckets), size=draws).tolist()
            places = rng.integers(deepest, size=draws).tolist()
            for number, place in zip(buckets, places, strict=True):
                bucket = self._buckets[number]
                if place < len(bucket):
                    chosen.append(bucket[place])
        return chosen[:n]

    def _draw(self, name: str, *, drawn: bool) -> None:
        if drawn and name in self._undrawn:
            self._undrawn.remove(name)
            self._file(name)
        elif not drawn and name not in self._undrawn:
            self._undrawn.add(name)
            self._unfile(name)

    def _bucket(self, name: str) -> list[str]:
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        return self._buckets[int.from_bytes(digest, "little") & (len(self._buckets) - 1)]

    def _file(self, name: str) -> None:
        bucket = self._bucket(name)
        self._resize(len(bucket), len(bucket) + 1)
        bucket.append(name)
        bucket.sort()
        if self.drawn > ITEMS_A_BUCKET * len(self._buckets):
            self._rehash(2 * len(self._buckets))

    def _unfile(self, name: str) -> None:
        bucket = self._bucket(name)
        self._resize(len(bucket), len(bucket) - 1)
        bucket.remove(name)
        if len(self._buckets) > 1 and self.drawn <= ITEMS_A_BUCKET * len(self._buckets) // 2:
            self._rehash(len(self._buckets) // 2)

    def _resize(self, old: int, new: int) -> None:
        self._sizes[old] -= 1
        if not self._sizes[old]:
            del self._sizes[old]
        self._sizes[new] += 1

    def _rehash(self, buckets: int) -> None:
        self._buckets = [[] for _ in range(buckets)]
        for name in self._features:
            if name not in self._undrawn:
                self._bucket(name).append(name)
        for bucket in self._buckets:
            bucket.sort()
        self._sizes = Counter(map(len, self._buckets))
