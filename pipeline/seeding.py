"""First codes, taken from real item vectors."""

import numpy as np

from pipeline.arrays import Floats, Longs
from pipeline.assignment import assign, seeding_distances


def spread_seeds(vectors_nd: Floats, codes: int, rng: np.random.Generator) -> Longs:
    """Positions of `codes` vectors drawn by k-means++: each with probability proportional to its squared distance.

    With fewer distinct vectors than codes the rest is drawn uniformly.
    """
    chosen = [int(rng.integers(len(vectors_nd)))]
    distances_n = seeding_distances(vectors_nd, vectors_nd[chosen])
    while len(chosen) < codes:
        total = distances_n.sum()
        if total > 1e-6 * len(vectors_nd):
            pick = int(np.searchsorted(np.cumsum(distances_n), rng.random() * total, side="right"))
        else:
            pick = int(rng.integers(len(vectors_nd)))
        chosen.append(min(pick, len(vectors_nd) - 1))
        distances_n = np.minimum(distances_n, seeding_distances(vectors_nd, vectors_nd[chosen[-1:]]))
    return np.array(chosen, np.int64)


def first_codes(vectors_nd: Floats, codes: int, rounds: int, rng: np.random.Generator) -> Floats:
    """k-means++ seeds, then `rounds` of Lloyd's iteration; a code without vectors stays where it was, (codes, d)."""
    codes_kd = vectors_nd[spread_seeds(vectors_nd, codes, rng)].astype(np.float64)
    even = np.ones(codes, np.float32)
    nowhere = np.full(len(vectors_nd), -1, np.int32)
    for _ in range(rounds):
        nearest = assign(vectors_nd, codes_kd.astype(np.float32), even, nowhere, 0.0)
        sums = np.zeros_like(codes_kd)
        np.add.at(sums, nearest, vectors_nd)
        counts = np.bincount(nearest, minlength=codes)
        held = counts > 0
        codes_kd[held] = sums[held] / counts[held, None]
    return codes_kd.astype(np.float32)
