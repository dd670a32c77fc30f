"""The one rule by which every writer files a vector under a code."""

import numpy as np

from pipeline.arrays import Doubles, Floats, Ints
from pipeline.nearest import nearest


def disturbance(counts_k: Floats, threshold: float, crowding: float = 0.0) -> Floats:
    """r_k = min(s c_k / mean(c), 1) max(c_k / mean(c), 1)^crowding, (K,).

    A code with less than 1/s of the mean mass looks nearer than it is (Streaming VQ, eq. 10). One with more than the
    mean looks farther (ours): its neighbours take over its border and come closer, so that it is parted without a code
    that died.

    >>> disturbance(np.array([1.0, 7.0, 32.0, 0.0], np.float32), threshold=5.0, crowding=0.5).round(3).tolist()
    [0.5, 1.0, 1.789, 0.0]
    """
    shares_k = counts_k.astype(np.float64) / counts_k.mean(dtype=np.float64)
    factors: Floats = (np.minimum(threshold * shares_k, 1.0) * np.maximum(shares_k, 1.0) ** crowding).astype(np.float32)
    return factors


def assign(vectors_nd: Floats, codes_kd: Floats, disturbance_k: Floats, present_n: Ints, hysteresis: float) -> Ints:
    """argmin_k ||e_k - v|| r_k, where the present code is taken to be `hysteresis` nearer (Streaming VQ, eq. 10).

    Distances are true, unsquared ones: with r, squared ones or inner products order differently.

    Args:
        vectors_nd: vectors to file.
        codes_kd: the codebook.
        disturbance_k: r.
        present_n: present code of each vector, -1 for none.
        hysteresis: share of the distance by which another code must be nearer.

    Returns:
        A code a vector, (n,).
    """
    return nearest(vectors_nd, codes_kd, disturbance_k, present_n, hysteresis)[0]


def seeding_distances(vectors_nd: Floats, seeds_kd: Floats) -> Doubles:
    """Squared distance of each vector to its nearest seed, (n,)."""
    alike_k, nowhere_n = np.ones(len(seeds_kd), np.float32), np.full(len(vectors_nd), -1, np.int32)
    return nearest(vectors_nd, seeds_kd, alike_k, nowhere_n, 0.0)[1].astype(np.float64)
