"""Variants of an experiment beside its first one, seed by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.confidence import t_interval
from benchmarks.report.tables import count, share, signed, table

Stored = Mapping[str, Any]
BETTER, WORSE = "▲", "▼"  # in number, not in worth: less churn is ▼


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of one variant on one stream.

    Attributes:
        mean: over seeds.
        change: mean difference to the first variant, of the seeds that both have.
        low, high: Student's 95 % interval of the difference; equal to it for a single seed.
        seeds: how many both have.
    """

    mean: float
    change: float
    low: float
    high: float
    seeds: int

    @property
    def mark(self) -> str:
        """Whether the interval of the difference leaves out 0; nothing can be said from one seed."""
        if self.seeds < 2 or self.low <= 0 <= self.high:
            return ""
        return BETTER if self.low > 0 else WORSE


def streams_of(stored: Stored) -> list[str]:
    """Streams, in the order in which they were run."""
    return list(dict.fromkeys(row["stream"] for row in stored["rows"]))


def variants_of(stored: Stored) -> list[str]:
    """Variants that were measured; the first is what the others are compared with."""
    return list(dict.fromkeys(row["variant"] for row in stored["rows"]))


def compare(stored: Stored, stream: str, variant: str, name: str) -> Compared | None:
    """One number, None where it was not measured.

    >>> rows = [("a", 0, 0.5), ("a", 1, 0.6), ("b", 0, 0.4), ("b", 1, 0.5)]
    >>> stored = {"rows": [{"stream": "s", "variant": v, "seed": n, "numbers": {"x": x}} for v, n, x in rows]}
    >>> round(compare(stored, "s", "b", "x").change, 3), compare(stored, "s", "b", "x").mark
    (-0.1, '▼')
    """
    values, first = (_by_seed(stored, stream, one, name) for one in (variant, variants_of(stored)[0]))
    if not values:
        return None
    differences = [value - first[seed] for seed, value in values.items() if seed in first]
    mean = sum(values.values()) / len(values)
    if not differences:
        return Compared(mean, float("nan"), float("nan"), float("nan"), 0)
    low, high = t_interval(differences)
    return Compared(mean, sum(differences) / len(differences), low, high, len(differences))


def tables(stored: Stored, columns: Sequence[str]) -> str:
    """A table a stream; behind the first number stands its difference to the first variant."""
    return "\n\n".join(_table(stored, stream, columns) for stream in streams_of(stored))


def number(value: float) -> str:
    """A number in the width that its size asks for.

    >>> number(0.1234), number(3.14159), number(151234.0)
    ('.123', '3.14', '151,234')
    """
    size = abs(value)
    return share(value) if size < 2 else f"{value:.2f}" if size < 10 else f"{value:.1f}" if size < 100 else count(value)


def _by_seed(stored: Stored, stream: str, variant: str, name: str) -> dict[int, float]:
    return {
        row["seed"]: row["numbers"][name]
        for row in stored["rows"]
        if row["stream"] == stream and row["variant"] == variant and name in row["numbers"]
    }


def _table(stored: Stored, stream: str, columns: Sequence[str]) -> str:
    variants = variants_of(stored)
    found = {(v, c): compare(stored, stream, v, c) for v in variants for c in columns}
    shown = [column for column in columns if any(found[variant, column] for variant in variants)]
    rows = [
        (variant, *_first(found[variant, shown[0]]), *(_cell(found[variant, column]) for column in shown[1:]))
        for variant in variants
        if shown
    ]
    header = (stream or "variant", shown[0] if shown else "", "difference", *shown[1:])
    return table(header, rows)


def _first(entry: Compared | None) -> tuple[str, str]:
    if entry is None or entry.seeds == 0:
        return _cell(entry), ""
    if entry.change == entry.low == entry.high == 0:
        return number(entry.mean), ""
    bounds = f" ({signed(entry.low)} … {signed(entry.high)})" if entry.seeds > 1 else ""
    return number(entry.mean), f"{signed(entry.change)}{bounds} {entry.mark}".rstrip()


def _cell(entry: Compared | None) -> str:
    return "–" if entry is None else f"{number(entry.mean)} {entry.mark}".rstrip()
