"""Runs experiments and keeps what they measured."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.experiments.bench import Bench
from benchmarks.experiments.catalogue import EXPERIMENTS
from benchmarks.experiments.experiment import NO_STREAM
from benchmarks.experiments.streams import load
from benchmarks.interactions import Interactions
from benchmarks.machine import machine
from pipeline.config import ModelConfig, Task
from schemas.errors import SettingsError

VERSION = 1
DIGITS = 5  # kept of every number: a file is to be read, and compared
STREAMS_OWN = ("tasks", "features", "seed", "version")
Said = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Conditions:
    """How experiments are run.

    Attributes:
        seeds: each variant is run with all of them.
        sample: questions a micro-batch at most; None: every positive is asked.
        head: exposures of each stream from its start; None: all.
        streams: instead of those that an experiment names; none: those.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    sample: int | None = None
    head: int | None = None
    streams: tuple[str, ...] = ()


def run(
    names: Sequence[str], conditions: Conditions, read: Callable[[str], Interactions], say: Said
) -> Iterator[dict[str, Any]]:
    """What each experiment measured, one after the other.

    Args:
        names: of the experiments.
        conditions: seeds and sizes.
        read: gives the interactions of a public set.
        say: told what is run next.

    Raises:
        SettingsError: there is no experiment of that name.
    """
    unknown = sorted(set(names) - set(EXPERIMENTS))
    if unknown:
        raise SettingsError(f"there is no experiment {', '.join(unknown)}\nChoose from {', '.join(EXPERIMENTS)}.")
    benches: dict[tuple[str, int], Bench] = {}
    sets: dict[str, Interactions] = {}

    def once(name: str) -> Interactions:
        if name not in sets:
            sets[name] = read(name)
        return sets[name]

    for name in names:
        begin, rows = time.perf_counter(), []
        for stream in conditions.streams or EXPERIMENTS[name].streams:
            for seed in conditions.seeds:
                say(f"{name}: {stream}, seed {seed}")
                key = stream, seed
                if key not in benches:
                    benches[key] = Bench(
                        stream, seed, lambda one, its: load(one, its, once, conditions.head), conditions.sample
                    )
                measured = EXPERIMENTS[name].measure(benches[key], EXPERIMENTS[name].variants)
                rows += [_row(stream, variant, seed, numbers) for variant, numbers in measured.items()]
        yield {
            "version": VERSION, "experiment": name, **asdict(conditions), "defaults": defaults(),
            "variants": {name: dict(variant.settings) for name, variant in EXPERIMENTS[name].variants.items()},
            "rows": rows, "machine": machine(), "seconds": round(time.perf_counter() - begin, 1),
        }  # fmt: skip


def store(result: Mapping[str, Any], folder: Path) -> Path:
    """Write one experiment's result, a line a row, to NAME.json."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['experiment']}.json"
    lines = [
        f"{json.dumps(key)}: "
        + ("[\n" + ",\n".join(f"  {json.dumps(row)}" for row in value) + "\n]" if key == "rows" else json.dumps(value))
        for key, value in result.items()
    ]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return path


def defaults() -> dict[str, Any]:
    """The settings that variants differ from; tasks and features are the stream's."""
    plain = ModelConfig(tasks=(Task("any"),)).to_dict()
    return {name: value for name, value in plain.items() if name not in STREAMS_OWN}


def _row(stream: str, variant: str, seed: int, numbers: Mapping[str, float]) -> dict[str, Any]:
    kept = {name: float(f"{value:.{DIGITS}g}") for name, value in numbers.items() if math.isfinite(value)}
    return {"stream": stream if stream != NO_STREAM else "", "variant": variant, "seed": seed, "numbers": kept}
