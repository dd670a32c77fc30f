"""Items filed when published, as the candidate stream sees to, that follow the towers in turn, as the scanner does."""

from collections.abc import Mapping

import numpy as np

from benchmarks.arms.registry import build_arms
from benchmarks.experiments.bench import Bench, Variant
from benchmarks.experiments.experiment import Measured
from benchmarks.known_items import astray_by_popularity
from benchmarks.metrics import HEADLINE
from benchmarks.replay import Replay

RARE = 5  # deciles of popularity, from the rarest


def by_refreshed(bench: Bench, variants: Mapping[str, Variant]) -> Measured:
    """One replay a variant; options as `Replay` takes them: `refreshed`, and `candidates` as 0 or 1."""
    return {name: _numbers(bench, variant) for name, variant in variants.items()}


def _numbers(bench: Bench, variant: Variant) -> dict[str, float]:
    set_, config = bench.prepared(variant)
    refreshed, candidates = int(variant.options["refreshed"]), bool(variant.options.get("candidates", True))
    replay = Replay(
        set_, config, build_arms(("exact", "svq"), set_), sample=bench.sample, refreshed=refreshed,
        candidates=candidates,
    )  # fmt: skip
    replay.run()
    found, fresh = replay.tally.summary(bench.seed), replay.tally.fresh()
    astray = astray_by_popularity(replay.items)
    rare = found["svq"]["by_popularity"][-RARE:]
    return {
        "svq": found["svq"][HEADLINE],
        "exact over the index": found["exact"][HEADLINE],
        "fresh 1h": fresh["1h"]["svq"],
        "fresh 1d": fresh["1d"]["svq"],
        "tail": sum(entry["n"] * entry[HEADLINE] for entry in rare) / max(sum(entry["n"] for entry in rare), 1),
        "misplaced": float(replay.items.astray_n().mean()),
        "misplaced, most popular tenth": astray[0],
        "misplaced, rarest half": float(np.mean(astray[-RARE:])),
    }
