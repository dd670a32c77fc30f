"""What a shop would use instead, computed from the events published so far: lately popular, and bought together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

HALF_LIVES = (2_000.0, 8_000.0, 32_000.0, 128_000.0)
SMOOTHING = 10.0


class Popularity:
    """Purchases a product, each losing half its weight every so many events; several half-lives at once.

    >>> popularity = Popularity(products=3, half_lives=(0.5, 1000.0))
    >>> for basket in ([0, 0, 0], [1]):
    ...     popularity.add(basket)
    >>> [top.tolist() for top in popularity.top(1)]
    [[1], [0]]
    """

    def __init__(self, products: int, half_lives: Sequence[float] = HALF_LIVES) -> None:
        self.half_lives = tuple(half_lives)
        self.counts_hn = np.zeros((len(self.half_lives), products))

    def add(self, basket: Sequence[int]) -> None:
        """One checkout's lines; those of one checkout count the same."""
        decay_h = np.exp2(-len(basket) / np.array(self.half_lives))
        self.counts_hn *= decay_h[:, None]
        self.counts_hn += np.bincount(basket, minlength=self.counts_hn.shape[1])

    def top(self, k: int) -> list[Ints]:
        """The k most popular products, in no order, by each half-life."""
        return [_best(counts_n, k) for counts_n in self.counts_hn]


class BasketNeighbours:
    """Item-kNN for baskets: what is bought together with the products of the customer's last checkout.

    Two products are as near as the checkouts they share, by the cosine; many shared checkouts are trusted more than
    few. Without a last checkout, or past its neighbours, the most popular products fill up.
    """

    def __init__(self, products: int) -> None:
        self._together_nn: Floats = np.zeros((products, products), np.float32)
        self._alone_n: Floats = np.zeros(products, np.float32)
        self._last: dict[str, Ints] = {}

    def add(self, user_id: str, basket: Sequence[int]) -> None:
        """One checkout of one customer."""
        items = np.unique(np.asarray(basket))
        self._together_nn[np.ix_(items, items)] += 1
        self._alone_n[items] += 1
        self._last[user_id] = items

    def top(self, user_id: str, k: int, popularity_n: NDArray[np.float64]) -> Ints:
        """The k products nearest to the customer's last checkout, in no order."""
        share_n = popularity_n / max(float(popularity_n.max()), 1e-9)
        last = self._last.get(user_id)
        if last is None:
            return _best(share_n, k)
        weights = 1 / np.sqrt(self._alone_n[last] + 1)
        scores_n = weights @ self._together_nn[last] / np.sqrt(self._alone_n + SMOOTHING)
        return _best(scores_n + 1e-6 * share_n, k)


def _best(scores_n: NDArray[np.floating], k: int) -> Ints:
    if k >= len(scores_n):
        return np.arange(len(scores_n))
    return np.argpartition(-scores_n, k)[:k].astype(np.int64)
