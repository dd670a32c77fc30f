"""How the cost of single operations grows with the index: linear in its size, or better."""

import math
from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Final

import numpy as np

from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, Spread
from benchmarks.speed.made_index import MadeIndex
from benchmarks.speed.retrieve import candidates
from benchmarks.speed.timing import THREAD, in_turn

SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
WIDTH: Final = 5_000
MOVED: Final = 500


def measure(conditions: Conditions) -> list[Figure]:
    """The merge, and an update of the posting lists; K as the model would choose it."""
    sizes = SIZES[:-1] if conditions.quick else SIZES
    seconds: dict[str, dict[int, float]] = {"merge": {}, "update": {}}
    for size in sizes:
        for name, taken in _medians(size, conditions.repeats(60)).items():
            seconds[name][size] = taken
    whats = {"merge": f"merge of {WIDTH:,} candidates", "update": f"move of {MOVED} items in the posting lists"}
    return [_figure(name, what, seconds[name]) for name, what in whats.items()]


def _medians(items: int, repeats: int) -> dict[str, float]:
    index = MadeIndex(items, _codes(items), vectors=False)
    users = cycle(index.users(64))
    ways: Mapping[str, Callable[[], object]] = {
        "merge": lambda: candidates(index, next(users), WIDTH),
        "update": lambda: index.move(MOVED),
    }
    return {way: float(np.median(taken)) for way, taken in in_turn(ways, repeats, THREAD, warm=3).items()}


def _codes(items: int) -> int:
    """As `ModelConfig.codes_for`: a power of two near 4 √items."""
    return min(1 << round(math.log2(4 * math.sqrt(items))), 16_384)


def _figure(name: str, what: str, seconds: Mapping[int, float]) -> Figure:
    sizes, taken = np.array(list(seconds)), np.array(list(seconds.values()))
    exponent = float(np.polyfit(np.log(sizes), np.log(taken), 1)[0])
    return Figure(
        f"growth_{name}",
        f"{what}, {sizes[0]:,} to {sizes[-1]:,} items",
        "linear growth",
        "exponent",
        Spread.once(exponent),
        Spread.once(1.0),
        float((sizes[-1] / sizes[0]) / (taken[-1] / taken[0])),
        {"ms": {str(size): round(1000 * one, 4) for size, one in seconds.items()}},
    )
