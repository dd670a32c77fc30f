"""Everything measured on one set, as the one object that `svq evaluate --json` prints."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.averages import mean_of
from benchmarks.confidence import over_seeds
from benchmarks.deadlines import deadline_for
from benchmarks.interactions import Interactions
from benchmarks.machine import machine
from benchmarks.one_run import Numbers
from benchmarks.plan import Plan
from benchmarks.seeds import SeedWatch, run_seeds
from benchmarks.timeline import Timeline
from pipeline.config import ModelConfig
from schemas.errors import SettingsError

VERSION = 1
DATA = ("predicted", "items", "repeats", "micro_batches")  # of a run, but said with the data
OF_FEATURES = ("item ", "user ")  # reasons why rows of the files of features are not there
FROM_ONE = ("sizes", "map")  # of a codebook: a mean over codebooks means nothing


def evaluate(set_: Interactions, config: ModelConfig, plan: Plan, watch: SeedWatch | None = None) -> Numbers:
    """Replay a set once a seed; means over the seeds, and intervals over users and, of several, seeds.

    Args:
        set_: the interactions.
        config: of the model; its tasks and features must be the set's.
        plan: seeds and arms.
        watch: told the seed and the exposures of each micro-batch replayed.

    Raises:
        SettingsError: there is nothing to predict, or an arm is unknown.
        ResourceError: a process was killed.
    """
    begin = time.perf_counter()
    _check(set_, config)
    timeline = Timeline(set_)
    if plan.deadline_s is None:
        plan = replace(plan, deadline_s=deadline_for(set_.time_n, config.batch))
    runs = run_seeds(set_, config, plan, timeline, watch)
    mean: Numbers = mean_of(runs)
    mean["codes"] |= {key: runs[0]["codes"][key] for key in FROM_ONE}
    data = data_of(set_, timeline) | {key: mean.pop(key) for key in DATA} | {"deadline_s": plan.deadline_s}
    mean["ratio_intervals"] = {
        name: list(over_seeds(*([run[key][name] for run in runs] for key in ("ratios", "ratio_intervals"))))
        for name in mean["ratios"]
    }
    result = {"version": VERSION, "data": data, **mean, "seeds": list(plan.seeds), **_unusual(plan)}
    return result | {"settings": config.to_dict(), "machine": machine(), "seconds": time.perf_counter() - begin}


def data_of(set_: Interactions, timeline: Timeline) -> dict[str, Any]:
    """What a set is, in numbers."""
    return {
        "name": set_.name,
        "rows": len(set_) + sum(n for reason, n in set_.dropped.items() if not reason.startswith(OF_FEATURES)),
        "events": len(set_),
        "users": len(np.unique(set_.user_n)),
        "first": _iso(set_.time_n[:1]),
        "last": _iso(set_.time_n[-1:]),
        "tied_share": timeline.tied_share,
        "repeated_share": timeline.repeated_share,
        "tasks": [task.name for task in set_.tasks],
        "features": [{"name": each.name, "side": each.side, "kind": each.kind} for each in set_.features],
        "dropped": dict(set_.dropped),
        "ignored_columns": list(set_.ignored_columns),
        "notes": list(set_.notes),
    }


def _unusual(plan: Plan) -> Numbers:
    """What was asked for that is not the rule."""
    eligible = {"eligible": asdict(plan.eligible)} if plan.eligible else {}
    return eligible if plan.candidates else {**eligible, "candidates": False}


def _check(set_: Interactions, config: ModelConfig) -> None:
    if len(set_) <= config.batch:
        raise SettingsError(
            f"{set_.name} has {len(set_)} exposures, too few for two micro-batches of {config.batch}: the first is"
            " learned from before any is predicted\n"
            f"Give more, or a smaller micro-batch: --set batch={max(1, len(set_) // 10)}"
        )
    if not (set_.labels_nt[config.batch :, 0] > 0).any():
        raise SettingsError(
            f"{set_.name}: no exposure after the first {config.batch} is positive for {set_.tasks[0].name}\n"
            "Name another column to predict: --task."
        )


def _iso(times: Sequence[int] | np.ndarray[Any, Any]) -> str | None:
    return datetime.fromtimestamp(int(times[0]) / 1000, UTC).isoformat() if len(times) else None
