"""Exposures learned a second by the core of a trainer, beside a bare PyTorch loop of the same shapes."""

from typing import Final

import torch

from benchmarks.speed.bare_torch import BareTwoTowers, Shapes
from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, Spread, rates
from benchmarks.speed.stages import Stages
from benchmarks.speed.timing import THREAD, in_turn
from infra.load.world import COUNTRIES, KINDS
from infra.speed.core import STEPS_A_VERSION, Core, watch

STEPS: Final = 2 * STEPS_A_VERSION
SHELVES: Final = 97
HOURS: Final = 24


def measure(conditions: Conditions) -> list[Figure]:
    """One thread: that of a trainer is one by default."""
    users, items = (20_000, 50_000) if conditions.quick else (100_000, 200_000)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _figures(conditions, users, items)
    finally:
        torch.set_num_threads(threads)


def _figures(conditions: Conditions, users: int, items: int) -> list[Figure]:
    core = Core(users, items)
    repeats, config = conditions.repeats(15), core.config
    core.run(core.records(4 * STEPS))
    columns = config.batch + config.uniform_draws
    shapes = Shapes(config.batch, columns, (users, COUNTRIES, HOURS), (items, KINDS + SHELVES), config.tower_history)
    bare = BareTwoTowers(shapes)
    steps = iter([core.records(STEPS) for _ in range(repeats + 1)])
    batches = bare.batches(STEPS)
    seconds = in_turn(
        {"core": lambda: core.run(next(steps)), "bare": lambda: bare.run(batches)},
        repeats,
        THREAD,
    )
    settings = {
        "users": users,
        "items": items,
        "codes": config.codes,
        "batch": config.batch,
        "threads": 1,
        "clock": "cpu",
    }
    count = STEPS * config.batch
    whole = rates(
        "core_vs_bare_torch",
        "core of a trainer, records in, records out",
        "bare PyTorch two-tower loop on ready tensors",
        "exposures/s",
        (seconds["core"], seconds["bare"]),
        (count, count),
        settings,
    )
    return [whole, *_stages(core, conditions.repeats(9))]


def _stages(core: Core, repeats: int) -> list[Figure]:
    """Microseconds an exposure by stage, as shares of all."""
    records = core.records(STEPS * repeats)
    with Stages() as stages:
        watch(stages)
        core.run(records, stages)
    events = len(records) * core.config.batch
    total = sum(stages.seconds.values())
    return [
        Figure(
            f"core_stage_{stage.replace(' ', '_')}",
            f"stage: {stage}",
            "all stages",
            "µs an exposure",
            Spread.once(1e6 * seconds / events),
            Spread.once(1e6 * total / events),
            seconds / total,
        )
        for stage, seconds in sorted(stages.seconds.items(), key=lambda entry: -entry[1])
    ]
