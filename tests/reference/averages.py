"""The moving averages of the codebook as the formula says it: every code decays every step."""

import numpy as np
from numpy.typing import NDArray


class MovingAverages:
    def __init__(self, codes_kd: NDArray[np.float32], mass: float) -> None:
        self.counts_k = np.full(len(codes_kd), mass)
        self.sums_kd = codes_kd.astype(np.float64) * mass

    def update(
        self,
        vectors_nd: NDArray[np.float32],
        codes_n: NDArray[np.int32],
        weights_n: NDArray[np.float64],
        decay: float,
    ) -> None:
        for k in range(len(self.counts_k)):
            added_sum, added_count = np.zeros(self.sums_kd.shape[1]), 0.0
            for vector, code, weight in zip(vectors_nd, codes_n, weights_n, strict=True):
                if code == k:
                    added_sum += weight * vector
                    added_count += weight
            self.sums_kd[k] = decay * self.sums_kd[k] + (1 - decay) * added_sum
            self.counts_k[k] = decay * self.counts_k[k] + (1 - decay) * added_count

    @property
    def codes_kd(self) -> NDArray[np.float64]:
        return self.sums_kd / self.counts_k[:, None]
