"""From scores to probabilities: one slope and one shift a task, learned as exposures come in."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from pipeline.arrays import Doubles, Floats
from pipeline.changes import Array
from pipeline.errors import RestoreError

INFORMATION: Final = "calibration.information"
HALF_LIFE: Final = 50_000.0  # exposures after which what was learned weighs half
RIDGE: Final = 1.0  # exposures' worth of doubt that never goes away: labels that are all equal move nothing to infinity


def initial_calibration(tasks: int) -> Doubles:
    """Slope 1, shift 0 of each task, (T, 2)."""
    return np.tile([1.0, 0.0], (tasks, 1))


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

    def update(self, scores_bt: Floats, labels_bt: Floats) -> None:
        """Take exposed rows in: their scores, and labels, NaN where nothing is known; above 0 is positive."""
        for t in range(len(self.values_t2)):
            known = np.isfinite(labels_bt[:, t]) & np.isfinite(scores_bt[:, t])
            if known.any():
                self._newton(t, scores_bt[known, t].astype(np.float64), labels_bt[known, t] > 0)

    def state(self) -> dict[str, Array]:
        """Beside `values_t2`, all there is."""
        return {INFORMATION: self._information_t22.copy()}

    def restore(self, values_t2: Doubles, dense: Mapping[str, Array]) -> None:
        """Go on from these values and what `state` returned; a state from before there was any starts without.

        Raises:
            RestoreError: they belong to another number of tasks.
        """
        stored = dense.get(INFORMATION, self._information_t22)
        if stored.shape != self._information_t22.shape:
            raise RestoreError(f"{INFORMATION} has shape {stored.shape}, expected {self._information_t22.shape}")
        self.values_t2, self._information_t22 = values_t2.copy(), np.array(stored, np.float64)

    def _newton(self, task: int, scores_n: Doubles, positive_n: Array) -> None:
        inputs_n2 = np.stack((scores_n, np.ones(len(scores_n))), axis=1)
        p_n = probabilities(self.values_t2[task : task + 1], scores_n[None])[0]
        faded = 0.5 ** (len(scores_n) / HALF_LIFE) * self._information_t22[task]
        information = faded + (inputs_n2 * (p_n * (1 - p_n))[:, None]).T @ inputs_n2
        step_2 = np.linalg.solve(information + RIDGE * np.eye(2), inputs_n2.T @ (p_n - positive_n))
        slope, shift = self.values_t2[task] - np.clip(step_2, -1, 1)
        self._information_t22[task] = information
        self.values_t2[task] = max(slope, 0.0), shift  # a higher score is never less likely


def expected_calibration_error(probabilities_n: Doubles, positive_n: Array, bins: int = 15) -> float:
    """Mean distance of probability and frequency over equally wide bins, by the share of rows in each.

    Source: Guo et al., 2017.

    >>> expected_calibration_error(np.array([0.25, 0.25, 0.25, 0.25]), np.array([1, 0, 0, 0]))
    0.0
    """
    places = np.minimum((probabilities_n * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(places, probabilities_n - positive_n, bins)
    return float(np.abs(gaps).sum() / max(len(probabilities_n), 1))
