"""Codes that hold no item move to crowded ones, which splits these, or stay where they are."""

from collections.abc import Mapping

from benchmarks.arms.registry import build_arms
from benchmarks.experiments.bench import Bench, Variant
from benchmarks.experiments.experiment import Measured
from benchmarks.metrics import HEADLINE
from benchmarks.replay import Replay
from pipeline.balance import gini, perplexity


def by_cadence(bench: Bench, variants: Mapping[str, Variant]) -> Measured:
    """One replay a variant; the option `every` says how many micro-batches lie between two looks, 0: none."""
    return {name: _numbers(bench, variant) for name, variant in variants.items()}


def _numbers(bench: Bench, variant: Variant) -> dict[str, float]:
    set_, config = bench.prepared(variant)
    every = int(variant.options["every"])
    replay = Replay(set_, config, build_arms(("exact", "svq"), set_), sample=bench.sample, reseed_every=every)
    replay.run()
    found = replay.tally.summary(bench.seed)
    items_k = replay.items.items_k
    exact = found["exact"][HEADLINE]
    return {
        "exact": exact,
        "svq@2%/exact": found["svq@2%"][HEADLINE] / exact,
        "merge/exact": found["svq-merge@10%"][HEADLINE] / exact,
        "codes moved": float(replay.reseeded),
        "empty codes %": 100 * float((items_k == 0).mean()),
        "perplexity/K": perplexity(items_k) / len(items_k),
        "largest/mean": float(items_k.max() / items_k.mean()),
        "gini": gini(items_k),
    }
