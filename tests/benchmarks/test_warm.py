"""Everything that a replay calls is compiled before its clock starts."""

import multiprocessing
import sys
from dataclasses import replace

import pytest
from numba.core.dispatcher import Dispatcher

from benchmarks.one_run import run_once
from benchmarks.warm import warm
from pipeline.eligibility import DAY_MS, Eligibility
from tests.benchmarks.small_set import CONFIG, small_set


def compiled() -> set[tuple[str, str]]:
    """Loops and the types that they are compiled for, in this process."""
    modules = {name: module for name, module in sys.modules.items() if name.startswith(("pipeline.", "benchmarks."))}
    return {
        (f"{name}.{key}", str(types))
        for name, module in modules.items()
        for key, found in vars(module).items()
        if isinstance(found, Dispatcher)
        for types in found.overloads
    }


def compiled_late(arms: tuple[str, ...], repeats: bool) -> tuple[int, set[tuple[str, str]]]:
    """What warming up compiles, counted, and what replays compile nevertheless."""
    warm(arms)
    before = compiled()
    set_ = small_set(repeats=repeats)
    for rule in (Eligibility(), Eligibility(max_age_ms=DAY_MS)):
        run_once(set_, replace(CONFIG, features=set_.features), 0, arms=arms, eligible=rule)
    return len(before), compiled() - before


@pytest.mark.timeout(300)  # right after an installation all is compiled here
@pytest.mark.parametrize("arms", [(), ("svq",)])
@pytest.mark.parametrize("repeats", [False, True])
def test_a_replay_compiles_nothing(arms: tuple[str, ...], repeats: bool) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as fresh:
        n, late = fresh.apply(compiled_late, (arms, repeats))
    assert n > 10
    assert late == set()
