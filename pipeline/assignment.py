"""The one rule by which every writer files a vector under a code."""

import numpy as np
import torch

from pipeline.arrays import Doubles, Floats, Ints

BLOCK = 1 << 22  # distances held at once


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
    chosen = np.empty(len(vectors_nd), np.int32)
    squares_k = np.square(codes_kd, dtype=np.float64).sum(axis=1).astype(np.float32)
    step = max(1, BLOCK // max(len(codes_kd), 1))
    for start in range(0, len(vectors_nd), step):
        block = slice(start, start + step)
        distances_nk = _distances(vectors_nd[block], codes_kd, squares_k)
        distances_nk *= disturbance_k
        kept = np.flatnonzero(present_n[block] >= 0)
        distances_nk[kept, present_n[block][kept]] *= np.float32(1 - hysteresis)
        chosen[block] = distances_nk.argmin(axis=1)
    return chosen


def _distances(vectors_nd: Floats, codes_kd: Floats, squares_k: Floats) -> Floats:
    """||v - e|| by one matrix product, (n, K)."""
    vectors = torch.from_numpy(vectors_nd)
    squares_n = vectors.square().sum(dim=1, keepdim=True)
    product = torch.addmm(torch.from_numpy(squares_k)[None, :], vectors, torch.from_numpy(codes_kd).T, alpha=-2.0)
    distances: Floats = product.add_(squares_n).clamp_(min=0).sqrt_().numpy()
    return distances


def seeding_distances(vectors_nd: Floats, seeds_kd: Floats) -> Doubles:
    """Squared distance of each vector to its nearest seed, (n,)."""
    squares_k = np.square(seeds_kd, dtype=np.float64).sum(axis=1).astype(np.float32)
    nearest: Doubles = np.square(_distances(vectors_nd, seeds_kd, squares_k).min(axis=1), dtype=np.float64)
    return nearest
