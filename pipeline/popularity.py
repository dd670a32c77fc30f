"""Decayed exposure counts in forward form, for several half-lives at once.

With decay λ = ln 2 / half-life a count is stored as L = log(count) + λ·clock at its last change. Decay moves all items
by the same -λ·clock, so L orders items at any time, and log p = L - log(mass) when the mass is kept in the same form.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.arrays import Doubles, Longs

NEVER = -math.inf


def decay_rates(half_lives: Sequence[float]) -> Doubles:
    """λ of each half-life, per training event, (H,)."""
    return math.log(2) / np.array(half_lives, np.float64)


def log_share(log_counts: npt.ArrayLike, log_mass: npt.ArrayLike) -> Doubles:
    """log p: an item's share of all exposures. Both in forward form and of the same half-life, so the clock cancels.

    >>> round(float(np.exp(log_share(np.log(3.0) + 0.7, np.log(12.0) + 0.7))), 6)
    0.25
    """
    return np.asarray(log_counts, np.float64) - np.asarray(log_mass, np.float64)


def initial_log_counts(half_lives: Sequence[float], count: float, clock: float) -> Doubles:
    """L of an item that is new at `clock` and taken to have had `count` exposures, (H,)."""
    initial: Doubles = math.log(count) + decay_rates(half_lives) * clock
    return initial


class Popularity:
    """Counts of all items together: the mass, and which half-life predicts best.

    The counts of single items live in the caller's rows, (n, H).
    """

    def __init__(self, half_lives: Sequence[float], initial_count: float) -> None:
        self.half_lives = tuple(half_lives)
        self.initial_count = initial_count
        self.rates = decay_rates(half_lives)
        self.log_mass: Doubles = np.full(len(self.half_lives), math.log(initial_count))
        self.scores: Doubles = np.zeros(len(self.half_lives))
        self.active = len(self.half_lives) // 2

    def read(self, log_counts_nh: Doubles, clock: float) -> Doubles:
        """L as it counts: that of an item never exposed is the initial one."""
        initial = initial_log_counts(self.half_lives, self.initial_count, clock)
        return np.where(np.isneginf(log_counts_nh), initial, log_counts_nh)

    def update(self, log_counts_nh: Doubles, counts_n: Longs, clock: float) -> Doubles:
        """L of the distinct items of a batch after `counts_n` exposures each at `clock`; the mass grows alike."""
        added_nh = np.log(counts_n)[:, None] + self.rates * clock
        self.log_mass = np.logaddexp(self.log_mass, math.log(counts_n.sum()) + self.rates * clock)
        return np.logaddexp(self.read(log_counts_nh, clock), added_nh)

    def choose(self, log_counts_nh: Doubles, counts_n: Longs, clock: float, memory: float, margin: float) -> None:
        """Score each half-life by how well it predicted this batch, and use another when it is better by a margin.

        Args:
            log_counts_nh: L of the batch's distinct items before it.
            counts_n: their exposures in it.
            memory: events over which scores are averaged.
            margin: mean log-likelihood by which another must be better.
        """
        likelihood_h = (log_share(self.read(log_counts_nh, clock), self.log_mass) * counts_n[:, None]).sum(axis=0)
        total = float(counts_n.sum())
        weight = 1 - math.exp(-total / memory)
        self.scores = self.scores + weight * (likelihood_h / total - self.scores)
        best = int(self.scores.argmax())
        if self.scores[best] > self.scores[self.active] + margin:
            self.active = best
