"""Items that follow the towers in turn, as the candidate stream and the scanner see to, or only when exposed."""

from collections.abc import Mapping

import numpy as np

from benchmarks.arms.registry import build_arms
from benchmarks.experiments.bench import Bench, Variant
from benchmarks.experiments.experiment import Measured
from benchmarks.known_items import KnownItems
from benchmarks.metrics import HEADLINE
from benchmarks.replay import Replay

RARE = 5  # deciles of popularity, from the rarest


def by_refreshed(bench: Bench, variants: Mapping[str, Variant]) -> Measured:
    """One replay a variant; the option `refreshed` says how many items follow before each micro-batch."""
    return {name: _numbers(bench, variant) for name, variant in variants.items()}


def _numbers(bench: Bench, variant: Variant) -> dict[str, float]:
    set_, config = bench.prepared(variant)
    replay = Replay(set_, config, build_arms(("exact", "svq"), set_), sample=bench.sample)
    replay.items = KnownItems(set_, replay.learner, int(variant.options["refreshed"]))
    replay.run()
    found, fresh = replay.tally.summary(bench.seed), replay.tally.fresh()
    stale_n = _stale(replay)
    popular_n = np.argsort(np.argsort(-replay.items.exposures_m[: replay.items.n], kind="stable")) * 10 // len(stale_n)
    rare = found["svq"]["by_popularity"][-RARE:]
    return {
        "svq": found["svq"][HEADLINE],
        "exact over the index": found["exact"][HEADLINE],
        "fresh 1d": fresh["1d"]["svq"],
        "tail": sum(entry["n"] * entry[HEADLINE] for entry in rare) / max(sum(entry["n"] for entry in rare), 1),
        "misplaced": float(stale_n.mean()),
        "misplaced, most popular tenth": float(stale_n[popular_n == 0].mean()),
        "misplaced, rarest half": float(stale_n[popular_n >= 10 - RARE].mean()),
    }


def _stale(replay: Replay) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Items known that the present towers and codebook file elsewhere than where they stand, (N,)."""
    items, set_ = replay.items, replay.set
    numbers = range(items.n)
    vectors = replay.learner.model.items(
        [set_.items[item] for item in numbers], [set_.features_of_item(item) for item in numbers]
    )
    stands = items.clusters_n
    return np.asarray(replay.learner.model.assign(vectors.v_nd, stands) != stands)
