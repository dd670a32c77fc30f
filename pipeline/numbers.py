"""Numeric features on one scale, learned from the stream."""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Doubles, Floats
from pipeline.errors import RestoreError

LARGEST = 4.0
MOMENTS = 3  # count, mean, sum of squared deviations


class Standardiser:
    """Streaming mean and deviation of each number (Welford, in batches); a missing one is 0 with presence 0."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.moments_m3: Doubles = np.zeros((len(self.names), MOMENTS))

    def update(self, values_nm: Doubles) -> None:
        """Learn from the values of one batch, NaN where missing."""
        present = ~np.isnan(values_nm)
        counts = present.sum(axis=0).astype(np.float64)
        means = np.where(present, values_nm, 0).sum(axis=0) / np.maximum(counts, 1)
        squares = np.where(present, np.square(values_nm - means), 0).sum(axis=0)
        old_counts, old_means, old_squares = self.moments_m3.T
        total = old_counts + counts
        shift = means - old_means
        share = counts / np.maximum(total, 1)
        new_means = old_means + shift * share
        new_squares = old_squares + squares + np.square(shift) * old_counts * share
        self.moments_m3 = np.stack((total, new_means, new_squares), axis=1)

    def transform(self, values_nm: Doubles) -> Floats:
        """(value - mean) / deviation, cut at 4 deviations, then presence: (n, 2m)."""
        counts, means, squares = self.moments_m3.T
        deviation = np.sqrt(squares / np.maximum(counts, 1))
        scaled = (values_nm - means) / np.where(deviation > 0, deviation, 1)
        present = ~np.isnan(values_nm)
        kept = np.where(present & (counts > 0), np.clip(scaled, -LARGEST, LARGEST), 0)
        return np.concatenate((kept, present), axis=1).astype(np.float32)

    def restore(self, moments_m3: Doubles) -> None:
        """Continue from stored moments."""
        if moments_m3.shape != self.moments_m3.shape:
            raise RestoreError(f"moments {moments_m3.shape} of {len(self.names)} numbers")
        self.moments_m3 = np.array(moments_m3, np.float64)
