"""How the items are scored for the questions of one moment."""

from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.own import Own
from pipeline.arrays import Floats, Ints, Longs
from pipeline.native import native, native_sums


@dataclass(frozen=True, slots=True)
class Scorer:
    """score = u·v + static + own, the one rule behind every arm over the towers.

    Attributes:
        u_qd: users asked about.
        v_nd: items known.
        static_n: bias + gamma log p.
        own: items of the users' own histories and what is added to their scores.
    """

    u_qd: Floats
    v_nd: Floats
    static_n: Floats
    own: Own

    def all(self, begin: int, end: int) -> Floats:
        """Scores of every item for questions begin..end, (end - begin, N)."""
        u = torch.from_numpy(self.u_qd[begin:end])
        static = torch.from_numpy(self.static_n)
        scores: Floats = torch.addmm(static, u, torch.from_numpy(self.v_nd).T).numpy()
        own = self.own.block(begin, end)
        _add_to_all(own.items_s, own.begin_q, own.end_q, own.bonus_s, scores)
        return scores

    def of(self, begin: int, rows_qm: Ints) -> Floats:
        """Scores of M candidates each for questions from `begin` on, (Q, M); of those below 0, which are none, -inf."""
        scores = np.full(rows_qm.shape, -np.inf, np.float32)
        u = self.u_qd[begin : begin + len(rows_qm)]
        _score(u, self.v_nd, self.static_n, rows_qm, scores)
        own = self.own.block(begin, begin + len(rows_qm))
        extra = np.zeros(len(self.v_nd), np.float32)
        _add(own.items_s, own.begin_q, own.end_q, own.bonus_s, rows_qm, extra, scores)
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


@native
def _add_to_all(items_s: Longs, begin_q: Longs, end_q: Longs, bonus_s: Floats, scores_qn: Floats) -> None:
    for q in range(scores_qn.shape[0]):
        for s in range(begin_q[q], end_q[q]):
            if items_s[s] < scores_qn.shape[1]:
                scores_qn[q, items_s[s]] += bonus_s[s]


@native
def _add(
    items_s: Longs, begin_q: Longs, end_q: Longs, bonus_s: Floats, rows_qm: Ints, extra_n: Floats, scores_qm: Floats
) -> None:
    for q in range(rows_qm.shape[0]):
        for s in range(begin_q[q], end_q[q]):
            if items_s[s] < extra_n.size:
                extra_n[items_s[s]] = bonus_s[s]
        for m in range(rows_qm.shape[1]):
            if rows_qm[q, m] >= 0:
                scores_qm[q, m] += extra_n[rows_qm[q, m]]
        for s in range(begin_q[q], end_q[q]):
            if items_s[s] < extra_n.size:
                extra_n[items_s[s]] = 0
