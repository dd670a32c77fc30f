"""The best of a few items of the posting lists, by looking at each: what a merge would give without a heap."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.merge import Merged
from pipeline.postings import Postings

_STEPS_A_ROW = 4
"""A step of a merge takes about so long as looking at so many rows."""


def cheaper(rows: int, n_out: int, all_rows: int) -> bool:
    """Whether looking at `rows` items takes less time than a merge that passes the others by until `n_out` are out.

    Where one in s items may come out, a merge makes about n_out · s steps.

    >>> cheaper(400, 500, 10_000), cheaper(20_000, 500, 1_000_000), cheaper(500_000, 500, 1_000_000)
    (True, True, False)
    """
    return rows <= n_out or rows < math.sqrt(_STEPS_A_ROW * n_out * all_rows)


def best_of(
    postings: Postings, cluster_scores_k: NDArray[np.floating], task: int, rows_m: NDArray[np.integer], n_out: int
) -> Merged:
    """What `merge` with a chunk of 1 puts out when its mask leaves exactly these rows.

    Args:
        postings: the lists.
        cluster_scores_k: (K + 1,) for the user, as `merge` takes them.
        task: which order.
        rows_m: (m,) distinct rows, all in a list.
        n_out: how many items.

    Example:
        >>> postings = Postings(n_clusters=2, n_tasks=1)
        >>> postings.update(np.arange(3), np.array([0, 0, 1]), np.array([[0.0], [-3.0], [-1.0]]))
        >>> best_of(postings, np.array([-np.inf, 1.0, 0.5]), 0, np.array([1, 2]), n_out=1).rows_n.tolist()
        [2]
    """
    rows = np.asarray(rows_m, np.int32)
    clusters = postings.cluster_n[rows]
    scores = np.asarray(cluster_scores_k, np.float64)[clusters + 1] + postings.key_nt[rows, task]
    kept = np.flatnonzero(scores > -np.inf)
    if len(kept) > n_out:
        least = np.partition(scores[kept], len(kept) - n_out)[len(kept) - n_out] if n_out else np.inf
        kept = kept[scores[kept] >= least]
    order = kept[np.lexsort((rows[kept], clusters[kept], -scores[kept]))][:n_out]
    return Merged(rows[order], scores[order], clusters[order])
