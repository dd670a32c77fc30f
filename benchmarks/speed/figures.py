"""One measured number beside its limit or rival."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from pipeline.arrays import Doubles


class Spread(NamedTuple):
    """Percentiles of a number, and how often it was taken. The 99th is the worse end: longest time, lowest rate."""

    p50: float
    p95: float
    p99: float
    n: int = 1

    @classmethod
    def of(cls, values_r: Doubles | Sequence[float], scale: float = 1.0) -> Self:
        """Of times, or whatever else is worse the larger it is.

        >>> Spread.of([1.0, 2.0, 3.0], scale=1000).p50
        2000.0
        """
        p50, p95, p99 = (float(value) for value in np.percentile(values_r, (50, 95, 99)) * scale)
        return cls(p50, p95, p99, len(values_r))

    @classmethod
    def rate(cls, seconds_r: Doubles, count: float) -> Self:
        """Of `count` things a second."""
        p50, p95, p99 = (float(value) for value in count / np.percentile(seconds_r, (50, 95, 99)))
        return cls(p50, p95, p99, len(seconds_r))

    @classmethod
    def once(cls, value: float) -> Self:
        """Of something that is measured once."""
        return cls(value, value, value)


@dataclass(frozen=True, slots=True)
class Figure:
    """Ours beside theirs.

    Attributes:
        name: of the ratio.
        what: what was measured.
        rival: beside what.
        unit: of both.
        ours, theirs: measured in turn.
        ratio: how many times as good ours is; above 1 it is better.
        settings: sizes and whatever else one must know to measure it again.
    """

    name: str
    what: str
    rival: str
    unit: str
    ours: Spread
    theirs: Spread
    ratio: float
    settings: Mapping[str, Any] = field(default_factory=dict)


def rates(
    name: str,
    what: str,
    rival: str,
    unit: str,
    seconds: tuple[Doubles, Doubles],
    counts: tuple[float, float],
    settings: Mapping[str, Any],
) -> Figure:
    """Two rates from seconds taken in turn; the ratio is the median of those of each turn."""
    ours, theirs = (Spread.rate(taken, count) for taken, count in zip(seconds, counts, strict=True))
    ratio = float(np.median((counts[0] / seconds[0]) / (counts[1] / seconds[1])))
    return Figure(name, what, rival, unit, ours, theirs, ratio, settings)


def times(name: str, what: str, rival: str, seconds: tuple[Doubles, Doubles], settings: Mapping[str, Any]) -> Figure:
    """Two times in ms from seconds taken in turn; the ratio says how many times as fast ours is."""
    ours, theirs = (Spread.of(taken, 1000) for taken in seconds)
    return Figure(name, what, rival, "ms", ours, theirs, float(np.median(seconds[1] / seconds[0])), settings)
