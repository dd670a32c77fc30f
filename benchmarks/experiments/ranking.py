"""Rankers against ranking by the index's own vectors, on the same candidates, and how well they are calibrated."""

from collections.abc import Mapping
from typing import Final

from benchmarks.arms.ranked import Ranked
from benchmarks.experiments.bench import Bench, Variant
from benchmarks.experiments.experiment import Measured
from benchmarks.replay import Replay

METRICS: Final = ("hit@10", "ndcg@10", "hit@100")


def by_ranker(bench: Bench, variants: Mapping[str, Variant]) -> Measured:
    """One replay a variant."""
    return {name: _numbers(bench, variant) for name, variant in variants.items()}


def _numbers(bench: Bench, variant: Variant) -> dict[str, float]:
    set_, config = bench.prepared(variant)
    replay = Replay(set_, config, {"ranked": Ranked()}, sample=bench.sample)
    replay.run()
    found = replay.tally.summary(bench.seed)
    numbers = {metric: found["by ranker"][metric] for metric in METRICS}
    numbers |= {f"{metric}/index": found["by ranker"][metric] / found["by index"][metric] for metric in METRICS}
    errors = replay.learner.calibration_errors
    return numbers | {"calibration error": max(errors), "events/s": len(set_) / replay.seconds["learn"]}
