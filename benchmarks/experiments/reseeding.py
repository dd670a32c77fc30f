"""Codes that hold no item move to crowded ones, which splits these, or stay where they are."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from benchmarks.arms.registry import build_arms
from benchmarks.experiments.bench import Bench, Variant
from benchmarks.experiments.experiment import Measured
from benchmarks.metrics import HEADLINE
from benchmarks.replay import Replay
from pipeline.balance import gini, perplexity

CROWDED: Final = 4  # times the mean items of a cluster, as MFLI's upper bound is


class Splitting(Replay):
    """Splits every cluster of more than 4 times the mean, as far as there are codes that hold no item.

    The product leaves such a code alone while its mass lets it attract items by itself.
    """

    def reseed(self) -> int:
        """Move empty codes to items drawn from the largest clusters."""
        items_k = self.items.items_k
        empty, largest = np.flatnonzero(items_k == 0), np.argsort(-items_k, kind="stable")
        crowded = largest[items_k[largest] > CROWDED * max(items_k.mean(), 1)] if len(items_k) else largest
        pairs = min(len(empty), len(crowded), max(1, len(items_k) // 100))
        if not pairs:
            return 0
        rng = np.random.default_rng((self.config.seed, self.items.n))
        rows = [rng.choice(np.flatnonzero(self.items.clusters_n == code)) for code in crowded[:pairs].tolist()]
        averages = self.learner._filing.averages  # noqa: SLF001 - no process may do this, so there is no way in
        averages.reseed(empty[:pairs], self.items.vectors.v_nd[rows], self.config.disturbance)
        return pairs


def by_cadence(bench: Bench, variants: Mapping[str, Variant]) -> Measured:
    """One replay a variant; the option `every` says how many micro-batches lie between two looks, 0: none; `split` that
    large clusters are split into codes which could still attract items by themselves.
    """
    return {name: _numbers(bench, variant) for name, variant in variants.items()}


def _numbers(bench: Bench, variant: Variant) -> dict[str, float]:
    set_, config = bench.prepared(variant)
    every = int(variant.options["every"])
    kind = Splitting if variant.options.get("split") else Replay
    replay = kind(set_, config, build_arms(("exact", "svq"), set_), sample=bench.sample, reseed_every=every)
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
