"""How the items are scored for the questions of one moment."""

from dataclasses import dataclass

import numpy as np
import torch

from pipeline.arrays import Floats, Ints
from pipeline.native import native_sums


@dataclass(frozen=True, slots=True)
class Scorer:
    """score = u·v / tau + static, the one rule behind every arm over the towers.

    Attributes:
        u_qd: users asked about.
        v_nd: items known.
        static_n: bias + gamma log p.
        tau: temperature.
    """

    u_qd: Floats
    v_nd: Floats
    static_n: Floats
    tau: float

    def all(self, begin: int, end: int) -> Floats:
        """Scores of every item for questions begin..end, (end - begin, N)."""
        u = torch.from_numpy(self.u_qd[begin:end] / np.float32(self.tau))
        static = torch.from_numpy(self.static_n)
        scores: Floats = torch.addmm(static, u, torch.from_numpy(self.v_nd).T).numpy()
        return scores

    def of(self, begin: int, rows_qm: Ints) -> Floats:
        """Scores of M candidates each for questions from `begin` on, (Q, M); of those below 0, which are none, -inf."""
        scores = np.full(rows_qm.shape, -np.inf, np.float32)
        u = self.u_qd[begin : begin + len(rows_qm)] / np.float32(self.tau)
        _score(u, self.v_nd, self.static_n, rows_qm, scores)
        return scores


@native_sums
def _score(u_qd: Floats, v_nd: Floats, static_n: Floats, rows_qm: Ints, out_qm: Floats) -> None:
    dim = u_qd.shape[1]
    for q in range(rows_qm.shape[0]):
        for m in range(rows_qm.shape[1]):
            row = rows_qm[q, m]
            if row < 0:
                continue
            total = np.float32(0)
            for i in range(dim):
                total += u_qd[q, i] * v_nd[row, i]
            out_qm[q, m] = total + static_n[row]
