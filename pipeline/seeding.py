"""First codes, taken from real item vectors."""

import numpy as np

from pipeline.arrays import Floats, Longs
from pipeline.assignment import assign, seeding_distances

SEEDING_PASSES = 512


def spread_seeds(vectors_nd: Floats, codes: int, rng: np.random.Generator) -> Longs:
    """Positions of `codes` vectors drawn by k-means++: each with probability proportional to its squared distance.

    Large codebooks draw several from the same distances, so that the vectors are passed over some 512 times at most.
    With fewer distinct vectors than codes the rest is drawn uniformly.
    """
    together = max(1, codes // SEEDING_PASSES)
    chosen = [int(rng.integers(len(vectors_nd)))]
    distances_n = seeding_distances(vectors_nd, vectors_nd[chosen])
    while len(chosen) < codes:
        draws, total = min(together, codes - len(chosen)), distances_n.sum()
        if total > 1e-6 * len(vectors_nd):
            picks = np.searchsorted(np.cumsum(distances_n), rng.random(draws) * total, side="right")
        else:
            picks = rng.integers(len(vectors_nd), size=draws)
        chosen += np.minimum(picks, len(vectors_nd) - 1).tolist()
        distances_n = np.minimum(distances_n, seeding_distances(vectors_nd, vectors_nd[chosen[-draws:]]))
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
