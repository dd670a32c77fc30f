"""A graph of neighbours: hierarchical navigable small worlds (Malkov and Yashunin 2018), as faiss builds it."""

from typing import Any, Final

import faiss
import numpy as np

from pipeline.arrays import Floats, Ints

LINKS: Final = 32  # M
BREADTH_BUILDING: Final = 40  # efConstruction; 100 takes twice as long and finds less: more links are pruned
LEAST_BREADTH: Final = 200  # efSearch
LINEAR_HEAP: Final = 300  # candidates from which faiss's heap that is searched from end to end is the slower one


class Hnsw:
    """Finds .99 of the exact first hundred on vectors of trained towers, and of hardly trained ones.

    A graph over inner products falls apart where a few long vectors are everybody's neighbours: recall .3 to .8, with
    the mean taken off .6 to 1. So the largest inner product is found as the smallest distance, with one more dimension
    that makes all items equally long (Bachrach et al. 2014).
    """

    def __init__(self, vectors_nd: Floats) -> None:
        """Build the graph; on one thread, because several make another one every time."""
        self._index = faiss.IndexHNSWFlat(vectors_nd.shape[1] + 1, LINKS)
        self._graph: Any = self._index.hnsw  # faiss's own types leave half of it out
        self._graph.efConstruction = BREADTH_BUILDING
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        self._index.add(_of_equal_length(vectors_nd))
        faiss.omp_set_num_threads(threads)

    def search(self, queries_qd: Floats, k: int) -> tuple[Ints, float]:
        """The k best, found by a search at least as broad as k."""
        self._graph.efSearch = max(k, LEAST_BREADTH)
        self._graph.search_bounded_queue = k < LINEAR_HEAP
        statistics: Any = faiss.cvar
        statistics.hnsw_stats.reset()
        _, rows = self._index.search(np.pad(queries_qd, ((0, 0), (0, 1))), k)
        return rows.astype(np.int32), statistics.hnsw_stats.ndis / max(len(queries_qd), 1)


def _of_equal_length(vectors_nd: Floats) -> Floats:
    """The vectors around their mean, and what each lacks of the longest, (N, d + 1)."""
    centred = vectors_nd - vectors_nd.mean(axis=0)
    squares = np.square(centred, dtype=np.float64).sum(axis=1)
    lacking = np.sqrt(squares.max(initial=0.0) - squares)
    return np.column_stack((centred, lacking)).astype(np.float32)
