"""The codebook as readers hold it, and its moving averages as the trainer keeps them."""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import AnyArray, Doubles, Floats, Ints, Longs
from pipeline.assignment import assign, disturbance
from pipeline.changes import Changes
from pipeline.errors import RestoreError

TABLE = "codebook"
SIZE = "codebook.size"
SCALE = "codebook.scale"
SMALLEST_SCALE = 1e-20


class Codebook:
    """Codes e (K, d) and mass c (K,): all that assignment and scoring need. None before the codebook starts.

    c is relative to a scale that all codes share, which the rule does not see.
    """

    def __init__(self, dim: int, threshold: float, hysteresis: float, crowding: float = 0.0) -> None:
        self.dim = dim
        self.threshold = threshold
        self.crowding = crowding
        self.hysteresis = hysteresis
        self.codes_kd: Floats | None = None
        self.counts_k: Floats = np.zeros(0, np.float32)
        self._disturbance: Floats | None = None

    @property
    def n_codes(self) -> int:
        """K, 0 before the codebook starts."""
        return 0 if self.codes_kd is None else len(self.codes_kd)

    def start(self, codes_kd: Floats, counts_k: Floats) -> None:
        """Replace the whole codebook."""
        self.codes_kd, self.counts_k, self._disturbance = codes_kd, counts_k, None

    def put(self, rows_r: Longs, codes_rd: Floats, counts_r: Floats) -> None:
        """Replace some codes."""
        if self.codes_kd is None:
            raise RestoreError("codes came before the size of the codebook")
        self.codes_kd[rows_r] = codes_rd
        self.counts_k[rows_r] = counts_r
        self._disturbance = None

    def assign(self, vectors_nd: Floats, present_n: Ints) -> Ints:
        """Codes of the vectors by the one rule, (n,); all -1 before the codebook starts."""
        if self.codes_kd is None:
            return np.full(len(vectors_nd), -1, np.int32)
        if self._disturbance is None:
            self._disturbance = disturbance(self.counts_k, self.threshold, self.crowding)
        return assign(vectors_nd, self.codes_kd, self._disturbance, present_n, self.hysteresis)

    def apply(self, parameters: Changes) -> None:
        """Follow published rows: `codebook/<k>` holds (e_k, c_k)."""
        if SIZE in parameters.dense:
            size = int(parameters.dense[SIZE][0])
            if size != self.n_codes:
                # Mass 1 everywhere: a code not read yet must not attract everything.
                self.start(np.zeros((size, self.dim), np.float32), np.ones(size, np.float32))
        if TABLE in parameters.rows:
            ids, rows = parameters.rows[TABLE]
            if rows.shape != (len(ids), self.dim + 1):
                raise RestoreError(f"codebook rows {rows.shape}, expected ({len(ids)}, {self.dim + 1})")
            self.put(np.array([int(name) for name in ids], np.int64), rows[:, :-1], rows[:, -1])


class MovingAverages:
    """w (K, d) and c (K,) behind a codebook: e = w / c (Streaming VQ, eq. 7-9).

    Every code decays every step. Both are kept relative to one scale that decays instead of them, so that only codes
    hit change; when the scale gets small all are renormalised.
    """

    def __init__(self, codebook: Codebook) -> None:
        self.codebook = codebook
        self.scale = 1.0
        self._sums: Doubles = np.zeros((0, codebook.dim))
        self._counts: Doubles = np.zeros(0)
        self._changed = np.zeros(0, np.bool_)
        self._moved = False

    @property
    def counts_k(self) -> Doubles:
        """Mass c of each code, unscaled."""
        return self._counts * self.scale

    @property
    def sums_kd(self) -> Doubles:
        """w of each code, unscaled."""
        return self._sums * self.scale

    def start(self, codes_kd: Floats, mass: float) -> None:
        """Begin with these codes, each with this mass (in the unit of one batch's g, method A3)."""
        self.scale = 1.0
        self._counts = np.full(len(codes_kd), mass)
        self._sums = codes_kd.astype(np.float64) * mass
        self._changed = np.ones(len(codes_kd), np.bool_)
        self._moved = True
        self.codebook.start(*self._published(np.arange(len(codes_kd))))

    def update(self, vectors_nd: Floats, codes_n: Ints, weights_n: Doubles, decay: float) -> None:
        """w ← decay w + (1 - decay) Σ g v and c ← decay c + (1 - decay) Σ g, for all codes.

        Args:
            vectors_nd: vectors of the batch.
            codes_n: their codes.
            weights_n: g.
            decay: alpha of this batch, alpha ** (n / B) for a short one.
        """
        self.scale *= decay
        self._moved = True
        factor = (1 - decay) / self.scale
        hit, inverse = np.unique(codes_n, return_inverse=True)
        added = np.zeros((len(hit), self.codebook.dim))
        np.add.at(added, inverse, vectors_nd * weights_n[:, None])
        self._sums[hit] += factor * added
        self._counts[hit] += factor * np.bincount(inverse, weights_n, len(hit))
        self._touch(hit)
        if self.scale < SMALLEST_SCALE:
            self._renormalise()

    def reseed(self, codes_r: Longs, vectors_rd: Floats, threshold: float) -> None:
        """Move codes that hold no item to these vectors, with mass mean(c) / s: just not attracting by r alone."""
        mass = float(self._counts.mean()) / threshold
        self._counts[codes_r] = mass
        self._moved = True
        self._sums[codes_r] = vectors_rd.astype(np.float64) * mass
        self._touch(codes_r)

    def take_changes(self, parameters: Changes, state: Changes) -> None:
        """Add the codes changed since the last call to both."""
        if not self._moved:
            return
        changed = np.flatnonzero(self._changed)
        ids = [str(code) for code in changed.tolist()]
        codes, counts = self._published(changed)
        parameters.put(TABLE, ids, np.column_stack((codes, counts)))
        parameters.dense[SIZE] = np.array([self.codebook.n_codes], np.int64)
        state.put(TABLE, ids, np.column_stack((self._sums[changed], self._counts[changed])))
        state.dense[SCALE] = np.array([self.scale])
        self._changed[:] = False
        self._moved = False

    def restore(self, state: Changes) -> None:
        """Continue with the rows and the scale `take_changes` gave; the codebook itself is restored by `apply`."""
        if SCALE not in state.dense:
            return
        self.scale = float(state.dense[SCALE][0])
        ids, rows = state.rows.get(TABLE, ([], np.zeros((0, self.codebook.dim + 1))))
        if len(ids) != self.codebook.n_codes:
            raise RestoreError(f"state of {len(ids)} codes for a codebook of {self.codebook.n_codes}")
        order = np.array([int(name) for name in ids], np.int64)
        self._sums, self._counts = np.empty((len(ids), self.codebook.dim)), np.empty(len(ids))
        self._sums[order], self._counts[order] = rows[:, :-1], rows[:, -1]
        self._changed = np.zeros(len(ids), np.bool_)

    def _touch(self, codes_r: AnyArray) -> None:
        rows = codes_r.astype(np.int64)
        self._changed[rows] = True
        self.codebook.put(rows, *self._published(rows))

    def _published(self, rows: Longs) -> tuple[Floats, Floats]:
        counts = self._counts[rows]
        return (self._sums[rows] / counts[:, None]).astype(np.float32), counts.astype(np.float32)

    def _renormalise(self) -> None:
        self._sums *= self.scale
        self._counts *= self.scale
        self.scale = 1.0
        self._touch(np.arange(len(self._counts)))


def reward_weights(rewards_nt: Doubles, etas: Sequence[float], intervals_n: Doubles, beta: float) -> Doubles:
    """g = Π_p (1 + h_p) ** eta_p · δ ** beta, (n,) (Streaming VQ, eq. 12)."""
    weights: Doubles = np.prod((1 + rewards_nt) ** np.asarray(etas), axis=1) * intervals_n**beta
    return weights
