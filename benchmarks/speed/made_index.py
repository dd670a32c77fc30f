"""An index of made-up items: clustered vectors, skewed clusters, posting lists as a server holds them."""

from typing import Final

import numpy as np
import torch

from benchmarks.speed.assign import unit
from pipeline.arrays import Doubles, Floats, Ints
from pipeline.postings import Postings

SPREAD: Final = 0.6
"""Distance of an item to the code that it was made around, by that of unit length."""
SLICE: Final = 250_000
TEMPERATURE: Final = 0.3


class MadeIndex:
    """Items around codes; an item's score is u·v / tau + bias, and its key the bias.

    Args:
        items: how many.
        codes: K.
        vectors: keep the items' own, for exact search; they take 256 bytes an item.
        seed: of everything.
    """

    def __init__(self, items: int, codes: int, *, vectors: bool, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.items = items
        self.codes_kd = unit(self.rng, codes)
        shares_k = self.rng.lognormal(0.0, 1.0, codes)
        self.cluster_n: Ints = self.rng.choice(codes, items, p=shares_k / shares_k.sum()).astype(np.int32)
        self.bias_n: Floats = self.rng.normal(0.0, 0.5, items).astype(np.float32)
        self.postings = Postings(codes, 1)
        for begin in range(0, items, SLICE):
            rows = np.arange(begin, min(begin + SLICE, items))
            self.postings.update(rows, self.cluster_n[rows], self.bias_n[rows, None])
        self.vectors_nd = self._around(self.cluster_n) if vectors else np.zeros((0, len(self.codes_kd[0])), np.float32)

    def users(self, n: int) -> Floats:
        """User vectors of length 1 / tau, each near some item's code, (n, d)."""
        near = self.rng.integers(len(self.codes_kd), size=n).astype(np.int32)
        return self._around(near) / np.float32(TEMPERATURE)

    def cluster_scores(self, user_d: Floats) -> Doubles:
        """As `pipeline.merge` takes them: nothing is unfiled."""
        scores_k = torch.from_numpy(self.codes_kd) @ torch.from_numpy(user_d)  # in as many threads as torch is given
        return np.concatenate(([-np.inf], scores_k.double().numpy()))

    def move(self, n: int) -> None:
        """So many items get another bias, one in ten another cluster, as from a trainer's version."""
        rows = self.rng.choice(self.items, n, replace=False)
        clusters = self.postings.cluster_n[rows].copy()
        moving = self.rng.random(n) < 0.1
        clusters[moving] = self.rng.integers(len(self.codes_kd), size=int(moving.sum()))
        keys = self.postings.key_nt[rows] + self.rng.normal(0.0, 0.05, (n, 1))
        self.postings.update(rows, clusters, keys)

    def _around(self, cluster_n: Ints) -> Floats:
        vectors = np.empty((len(cluster_n), self.codes_kd.shape[1]), np.float32)
        for begin in range(0, len(cluster_n), SLICE):
            part = cluster_n[begin : begin + SLICE]
            made = self.codes_kd[part] + np.float32(SPREAD) * unit(self.rng, len(part))
            vectors[begin : begin + SLICE] = made / np.linalg.norm(made, axis=1, keepdims=True)
        return vectors
