"""From scores to probabilities: one slope and one shift a task, learned as exposures come in."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from pipeline.arrays import Doubles, Floats
from pipeline.changes import Array
from pipeline.errors import RestoreError

INFORMATION, BINS = "calibration.information", "calibration.bins"
N_BINS: Final = 15
HALF_LIFE: Final = 10_000.0  # exposures after which what was learned weighs half
ERROR_HALF_LIFE: Final = 50_000.0  # and how well it foretold
RIDGE: Final = 1.0  # exposures' worth of doubt that never goes away: labels that are all equal move nothing to infinity


def initial_calibration(tasks: int) -> Doubles:
    """Slope 0, shift 0 of each task, (T, 2): nothing is known, so every label is as likely as not."""
    return np.zeros((tasks, 2))


def probabilities(calibration_t2: Doubles, scores_tn: Floats | Doubles) -> Doubles:
    """sigmoid(slope · score + shift): how likely each label is above 0, given an exposure, (T, N).

    >>> probabilities(initial_calibration(1), np.array([[0.0]])).tolist()
    [[0.5]]
    """
    slope_t1, shift_t1 = calibration_t2[:, :1], calibration_t2[:, 1:]
    result: Doubles = 1 / (1 + np.exp(-np.clip(slope_t1 * scores_tn + shift_t1, -700, 700)))
    return result


class Calibration:
    """Platt's scaling (1999) as a stream: one Newton step a batch, against information that fades.

    Learned on exposed rows only, from the scores they had before anything was learned of them.
    """

    def __init__(self, tasks: int) -> None:
        self.values_t2 = initial_calibration(tasks)
        self._information_t22: Doubles = np.zeros((tasks, 2, 2))
        self._bins_tk2: Doubles = np.zeros((tasks, N_BINS, 2))  # probability less label, and rows; both fade

    def update(self, scores_bt: Floats, labels_bt: Floats) -> None:
        """Take exposed rows in: their scores, and labels, NaN where nothing is known; above 0 is positive."""
        for t in range(len(self.values_t2)):
            known = np.isfinite(labels_bt[:, t]) & np.isfinite(scores_bt[:, t])
            if known.any():
                self._newton(t, scores_bt[known, t].astype(np.float64), labels_bt[known, t] > 0)

    def errors(self) -> tuple[float, ...]:
        """Expected calibration error of each task over the latest exposures, each foretold before it was learned."""
        return tuple(_error(bins_k2) for bins_k2 in self._bins_tk2)

    def state(self) -> dict[str, Array]:
        """Beside `values_t2`, all there is."""
        return {INFORMATION: self._information_t22.copy(), BINS: self._bins_tk2.copy()}

    def restore(self, values_t2: Doubles, dense: Mapping[str, Array]) -> None:
        """Go on from these values and what `state` returned; a state from before there was any starts without.

        Raises:
            RestoreError: they belong to another number of tasks.
        """
        self.values_t2 = values_t2.copy()
        self._information_t22 = _stored(dense, INFORMATION, self._information_t22)
        self._bins_tk2 = _stored(dense, BINS, self._bins_tk2)

    def _newton(self, task: int, scores_n: Doubles, positive_n: Array) -> None:
        inputs_n2 = np.stack((scores_n, np.ones(len(scores_n))), axis=1)
        p_n = probabilities(self.values_t2[task : task + 1], scores_n[None])[0]
        fade, fade_errors = (0.5 ** (len(scores_n) / half_life) for half_life in (HALF_LIFE, ERROR_HALF_LIFE))
        self._bins_tk2[task] = fade_errors * self._bins_tk2[task] + binned(p_n, positive_n)
        information = fade * self._information_t22[task] + (inputs_n2 * (p_n * (1 - p_n))[:, None]).T @ inputs_n2
        self._information_t22[task] = information
        gradient = inputs_n2.T @ (p_n - positive_n)
        self.values_t2[task] = _stepped(self.values_t2[task], gradient, information + RIDGE * np.eye(2))


def _stepped(values_2: Doubles, gradient_2: Doubles, information_22: Doubles) -> Doubles:
    """Least of the quadratic that gradient and information describe, where the slope is not negative."""
    values: Doubles = values_2 - np.linalg.solve(information_22, gradient_2)
    if values[0] < 0:  # a higher score is never less likely; the shift has to do alone what both would have done
        gradient = gradient_2[1] - information_22[1, 0] * values_2[0]
        values = np.array([0.0, values_2[1] - gradient / information_22[1, 1]])
    return values


def binned(probabilities_n: Doubles, positive_n: Array) -> Doubles:
    """Sums over equally wide bins of probability: of probability less label, and of rows; (bins, 2)."""
    places = np.minimum((probabilities_n * N_BINS).astype(np.int64), N_BINS - 1)
    gaps = np.bincount(places, probabilities_n - positive_n, N_BINS)
    return np.stack((gaps, np.bincount(places, minlength=N_BINS)), axis=1)


def expected_calibration_error(probabilities_n: Doubles, positive_n: Array) -> float:
    """Mean distance of probability and frequency over 15 equally wide bins, by the share of rows in each.

    Source: Guo et al., 2017.

    >>> expected_calibration_error(np.array([0.25, 0.25, 0.25, 0.25]), np.array([1, 0, 0, 0]))
    0.0
    """
    return _error(binned(probabilities_n, positive_n))


def _error(bins_k2: Doubles) -> float:
    gaps, rows = bins_k2.T
    return float(np.abs(gaps).sum() / rows.sum()) if rows.any() else 0.0


def _stored(dense: Mapping[str, Array], name: str, like: Doubles) -> Doubles:
    stored = dense.get(name, like)
    if stored.shape != like.shape:
        raise RestoreError(f"{name} has shape {stored.shape}, expected {like.shape}")
    return np.array(stored, np.float64)
