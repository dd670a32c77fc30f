"""Trinity's debias of a history: without what it is full of, the rest of a user's interests can be heard."""

import numpy as np

from pipeline.arrays import Ints, Longs

TOP = 5
NO_ENTRY = -2


def debiased(clusters_bw: Ints | Longs, keep: int, top: int = TOP) -> Longs:
    """Places of the first entries that are in none of their row's largest clusters, -1 for none; (B, keep).

    Rows are latest first, so older behaviour moves up into the places of what was dropped (Trinity, KDD'24; Streaming
    VQ, ranking sequence debias). A cluster of one entry is no interest that could drown others; of equally large
    clusters the one seen last counts as larger. Entries without a cluster stay.

    Args:
        clusters_bw: cluster of each entry; -1 for none, NO_ENTRY where there is none.
        keep: entries wanted.
        top: clusters dropped.

    >>> debiased(np.array([[7, 3, 7, 9, 7, 3]]), keep=3, top=1)
    array([[ 1,  3,  5]])
    """
    rows, width = clusters_bw.shape
    same_bww = clusters_bw[:, :, None] == clusters_bw[:, None, :]
    sizes_bw = np.where(clusters_bw >= 0, same_bww.sum(axis=2), 0)
    first_bw = same_bww.argmax(axis=2)
    # Larger first, then seen later; the same number for all entries of one cluster, another for every cluster.
    order_bw = np.where(sizes_bw > 1, sizes_bw * (width + 1) - first_bw, 0)
    once_bw = np.where(first_bw == np.arange(width), order_bw, 0)
    if width > top:
        threshold_b1 = np.maximum(-np.sort(-once_bw, axis=1)[:, top - 1 : top], 1)
    else:
        threshold_b1 = np.ones((rows, 1), np.int64)
    stays_bw = (order_bw < threshold_b1) & (clusters_bw != NO_ENTRY)
    places = np.where(stays_bw, np.arange(width), width)
    places.sort(axis=1)
    kept = np.full((rows, keep), -1, np.int64)
    taken = places[:, :keep]
    kept[:, : taken.shape[1]] = np.where(taken < width, taken, -1)
    return kept
