"""What the demonstration measured, as one JSON object."""

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from infra.demo.intervals import Estimate
from infra.demo.view import Codes
from infra.load.ledger import Ledger

ARMS = ("svq", "exact", "popularity", "item_knn")
RATIOS = {"svq/exact": "svq_to_exact", "svq/popularity": "svq_to_popularity"}

Delays = Mapping[str, float | int | None]


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that goes into the report.

    Attributes:
        seconds: from the first purchase published to the last one committed by the trainer.
        first_recommendations_s: from the command's start, without downloads, to the first answer learned from sales.
        delays: candidate, exposure, idle and idle_trained, each with p50, p99, n, late.
        cpu_seconds: by process role.
    """

    published: int
    seconds: float
    first_recommendations_s: float | None
    delays: Mapping[str, Delays]
    estimates: Mapping[str, Estimate]
    sampled: int
    unanswered: int
    popularity_half_life: float | None
    codes: Codes
    ledger: Ledger
    items: int
    restarts: Mapping[str, int]
    kills: Mapping[str, int]
    worst_lag: int
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def report(measured: Measured) -> dict[str, Any]:
    """The object that `svq demo --json` prints."""
    estimates = measured.estimates
    return {
        "events": measured.ledger.counted,
        "published": measured.published,
        "counted": measured.ledger.counted,
        "seconds": round(measured.seconds, 2),
        "exposures_per_second": round(measured.published / measured.seconds, 1) if measured.seconds else None,
        "first_recommendations_s": measured.first_recommendations_s,
        "immediacy_ms": {name: dict(delays) for name, delays in measured.delays.items()},
        "hit_at_100": {arm: _value(estimates.get(arm)) for arm in ARMS},
        "intervals": {arm: _interval(estimates.get(arm)) for arm in ARMS},
        "ratios": {name: _ratio(estimates.get(pair)) for pair, name in RATIOS.items()},
        "sample": {
            "lines": measured.sampled,
            "unanswered": measured.unanswered,
            "popularity_half_life": measured.popularity_half_life,
        },
        "codes": asdict(measured.codes) | {"perplexity": round(measured.codes.perplexity, 1)},
        "items": measured.items,
        "dead_letters": measured.ledger.dead_letters,
        "lag_max": measured.worst_lag,
        "restarts": dict(measured.restarts),
        "kills": dict(measured.kills),
        "cpu_seconds": {role: round(seconds, 1) for role, seconds in measured.cpu_seconds.items()},
        "settings": dict(measured.settings),
        "machine": machine(),
    }


def machine() -> dict[str, Any]:
    """Where it was measured."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "load_average_15_min": round(os.getloadavg()[2], 1),
    }


def _value(estimate: Estimate | None) -> float | None:
    return round(estimate.value, 4) if estimate else None


def _interval(estimate: Estimate | None) -> list[float] | None:
    return [round(estimate.low, 4), round(estimate.high, 4)] if estimate else None


def _ratio(estimate: Estimate | None) -> dict[str, Any] | None:
    return {"value": _value(estimate), "interval": _interval(estimate)} if estimate else None


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
            return next(names, platform.processor())
    except OSError:
        return platform.processor()
