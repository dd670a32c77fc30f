"""All that a bench measured, with what it was measured on, as one object."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.machine import machine
from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure
from benchmarks.speed.goals import judged

Part = Callable[[Conditions], list[Figure]]


def measure(parts: Mapping[str, Part], conditions: Conditions) -> dict[str, Any]:
    """Measure parts one after the other.

    Returns:
        `machine`, `quick`, `parts` (name -> seconds, load, figures), `ratios` (name -> ratio), `goals`.
    """
    found: dict[str, Any] = {}
    figures: list[Figure] = []
    for name, part in parts.items():
        conditions.say(f"{name} …")
        began, load = time.monotonic(), _load()
        measured = part(conditions)
        seconds = round(time.monotonic() - began, 1)
        found[name] = {"seconds": seconds, "load": [load, _load()], "figures": [_plain(one) for one in measured]}
        figures += measured
    return {
        "machine": machine(),
        "quick": conditions.quick,
        "measured_at": int(time.time()),
        "parts": found,
        "ratios": {figure.name: figure.ratio for figure in figures},
        "goals": judged(figures),
    }


def _plain(figure: Figure) -> dict[str, Any]:
    spreads: Sequence[str] = ("ours", "theirs")
    return {**asdict(figure), **{name: getattr(figure, name)._asdict() for name in spreads}}


def _load() -> float:
    """Load average of the last minute."""
    return round(os.getloadavg()[0], 2)
