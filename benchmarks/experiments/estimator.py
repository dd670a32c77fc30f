"""The estimator of item intervals on the simulation of the paper it is from (Yi et al. 2019, section 5)."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from benchmarks.experiments.bench import Bench, Variant
from benchmarks.experiments.experiment import Measured
from pipeline.intervals import HashedIntervals

ITEMS: Final = 1_000
BATCH: Final = 128
CELLS: Final = 5_000  # over all arrays
FIRST: Final = 100.0
STEPS: Final = 10_000
MARKS: Final = (1_000, STEPS)


def by_hashes(bench: Bench, variants: Mapping[str, Variant]) -> Measured:
    """Error of each variant; its options are `hashes` and `rate`, and `steps` for a shorter run."""
    return {name: _errors(bench.seed, **variant.options) for name, variant in variants.items()}


def _errors(seed: int, hashes: float, rate: float, steps: float = STEPS) -> dict[str, float]:
    """||p̂ - p||₁ / 2B after some batches, p ∝ i² being the probability of appearing in a batch."""
    rng = np.random.default_rng(seed)
    share = np.arange(1.0, ITEMS + 1) ** 2
    share /= share.sum()
    names = [str(item) for item in range(ITEMS)]
    intervals = HashedIntervals(round(hashes), CELLS // round(hashes), rate, FIRST)
    appears = 1 - (1 - share) ** BATCH
    errors: dict[str, float] = {}
    for step in range(1, round(steps) + 1):
        drawn = np.unique(rng.choice(ITEMS, BATCH, p=share))
        intervals.update([names[item] for item in drawn.tolist()], now=float(step))
        if step in MARKS or step == round(steps):
            error = np.abs(1 / intervals.read(names) - appears).sum() / (2 * BATCH)
            errors[f"error at {step}"] = float(error)
    return errors
