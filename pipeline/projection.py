"""Codes on a plane, for people to look at."""

from typing import Final, NamedTuple

import numpy as np

from pipeline.arrays import Doubles, Floats

FOLLOW: Final = 0.3


class Projected(NamedTuple):
    """Points (K, 2), and the share of the variance that each axis explains, (2,)."""

    points_k2: Doubles
    explained_2: Doubles


class Projection:
    """The two principal axes of a codebook, which turn slowly as it moves.

    Principal axes have no direction of their own, and those of nearly equal variance swap places: projected anew, a map
    would flip and spin from version to version. So new axes are turned to lie as much like the last ones as they can
    (orthogonal Procrustes), and the last ones follow them by `FOLLOW` at a time.

    >>> projection = Projection()
    >>> codes_kd = np.array([[3, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0]], np.float32)
    >>> projection.project(codes_kd, np.ones(4)).points_k2.round(6).tolist()
    [[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    """

    def __init__(self) -> None:
        self._axes_d2: Doubles | None = None

    def project(self, codes_kd: Floats, weights_k: Doubles) -> Projected:
        """Where codes lie.

        Args:
            codes_kd: e, (K, d).
            weights_k: how much each counts, not negative; all alike if none does.
        """
        if not len(codes_kd):
            return Projected(np.zeros((0, 2)), np.zeros(2))
        weights = weights_k if weights_k.sum() > 0 else np.ones(len(codes_kd))
        codes = codes_kd.astype(np.float64)
        centred_kd = codes - np.average(codes, axis=0, weights=weights)
        values_d, vectors_dd = np.linalg.eigh((centred_kd * weights[:, None]).T @ centred_kd / weights.sum())
        axes_d2 = self._followed(_two(vectors_dd[:, ::-1]))
        variance = max(float(values_d.clip(min=0).sum()), np.finfo(np.float64).tiny)
        points_k2 = centred_kd @ axes_d2
        return Projected(points_k2, np.average(points_k2**2, axis=0, weights=weights) / variance)

    def _followed(self, axes_d2: Doubles) -> Doubles:
        before = self._axes_d2
        if before is None or before.shape != axes_d2.shape:
            largest = np.abs(axes_d2).argmax(axis=0)
            followed = axes_d2 * np.where(axes_d2[largest, [0, 1]] < 0, -1.0, 1.0)
        else:
            turned = axes_d2 @ _nearest_orthogonal(axes_d2.T @ before)
            followed = _nearest_orthogonal((1 - FOLLOW) * before + FOLLOW * turned)
        self._axes_d2 = followed
        return followed


def _two(vectors_dd: Doubles) -> Doubles:
    """The first two columns; a second one of nothing where there is but one dimension."""
    if vectors_dd.shape[1] >= 2:
        return np.ascontiguousarray(vectors_dd[:, :2])
    return np.pad(vectors_dd, ((0, 0), (0, 2 - vectors_dd.shape[1])))


def _nearest_orthogonal(matrix: Doubles) -> Doubles:
    """The matrix with orthonormal columns that is nearest: the polar factor."""
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    nearest: Doubles = left @ right
    return nearest
