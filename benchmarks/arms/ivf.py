"""Inverted lists: items filed under the nearest of many centroids, of which a query reads the nearest few."""

import math
from typing import Any, Final

import faiss
import numpy as np

from pipeline.arrays import Floats, Ints

LISTS: Final = 4  # times the square root of the items, as faiss's guide advises
PROBED: Final = 0.5
"""Share of the lists read: generous, so that what is compared is staleness and not recall."""
ROUNDS: Final = 10  # of k-means


class Ivf:
    """Finds .99 of the exact first hundred on vectors of trained towers."""

    def __init__(self, vectors_nd: Floats) -> None:
        """Cluster and file the items."""
        n, dim = vectors_nd.shape
        self._lists = min(max(1, round(LISTS * math.sqrt(n))), n)
        self._centroids = faiss.IndexFlatIP(dim)  # kept: the index holds no reference of its own
        self._index = faiss.IndexIVFFlat(self._centroids, dim, self._lists, faiss.METRIC_INNER_PRODUCT)
        self._index.cp.niter = ROUNDS
        self._index.cp.min_points_per_centroid = 1  # else it warns of what the guide's own rule leads to
        self._index.train(vectors_nd)
        self._index.add(vectors_nd)

    def search(self, queries_qd: Floats, k: int) -> tuple[Ints, float]:
        """The k best of the lists read, which hold about twice as many; the centroids count as items scored."""
        share = max(PROBED, 2 * k / self._index.ntotal)
        self._index.nprobe = min(math.ceil(share * self._lists), self._lists)
        statistics: Any = faiss.cvar  # faiss's own types leave half of it out
        statistics.indexIVF_stats.reset()
        _, rows = self._index.search(queries_qd, k)
        scored = statistics.indexIVF_stats.ndis / max(len(queries_qd), 1)
        return rows.astype(np.int32), scored + self._lists
