"""How sure a measured share is: 95 % intervals that know that one customer's purchases resemble each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
AT_ONCE = 100
LOW, HIGH = 2.5, 97.5


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the 95 % interval around it."""

    value: float
    low: float
    high: float


def shares_and_ratios(
    hits: Mapping[str, Sequence[float]],
    trials: Sequence[float],
    ratios: Sequence[tuple[str, str]] = (),
    *,
    seed: int,
) -> dict[str, Estimate]:
    """Share of hits of each arm, and ratios between arms, by the percentile bootstrap over customers.

    Args:
        hits: arm -> hits of each customer, (C,).
        trials: trials of each customer, (C,), the same for all arms: arms are compared on the same resamples.
        ratios: pairs of arms; the result's name is `above/below`.
        seed: of the resamples.

    >>> found = shares_and_ratios({"a": [2, 1], "b": [1, 1]}, [4, 2], [("a", "b")], seed=0)
    >>> found["a"].value, found["a/b"].value
    (0.5, 1.5)
    """
    names = list(hits)
    hits_ac = np.array([hits[name] for name in names], np.float64).reshape(len(names), len(trials))
    trials_c = np.asarray(trials, np.float64)
    observed_a = hits_ac.sum(1)
    resampled = [_resample(hits_ac, trials_c, count, seed + at) for at, count in enumerate(_portions())]
    hits_ra = np.concatenate([part[0] for part in resampled])
    trials_r = np.concatenate([part[1] for part in resampled])
    total = max(float(trials_c.sum()), 1.0)
    found = {
        name: _estimate(float(observed_a[at]) / total, hits_ra[:, at] / np.maximum(trials_r, 1.0))
        for at, name in enumerate(names)
    }
    for above, below in ratios:
        a, b = names.index(above), names.index(below)
        value = float(observed_a[a]) / max(float(observed_a[b]), 1e-9)
        found[f"{above}/{below}"] = _estimate(value, hits_ra[:, a] / np.maximum(hits_ra[:, b], 1e-9))
    return found


def _portions() -> list[int]:
    """Few resamples at a time: a matrix of all of them would be the largest thing in the process."""
    return [AT_ONCE] * (RESAMPLES // AT_ONCE)


def _resample(
    hits_ac: NDArray[np.float64], trials_c: NDArray[np.float64], count: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    customers = len(trials_c)
    if not customers:
        return np.zeros((count, len(hits_ac))), np.zeros(count)
    drawn_rc = np.random.default_rng(seed).multinomial(customers, np.full(customers, 1 / customers), size=count)
    return drawn_rc @ hits_ac.T, drawn_rc @ trials_c


def _estimate(value: float, resampled_r: NDArray[np.float64]) -> Estimate:
    low, high = np.percentile(resampled_r, [LOW, HIGH])
    return Estimate(value, float(low), float(high))
