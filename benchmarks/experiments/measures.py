"""Numbers of a replay that experiments compare."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from benchmarks.experiments.bench import Bench, Variant
from benchmarks.experiments.experiment import Measured
from benchmarks.metrics import HEADLINE
from benchmarks.one_run import Numbers

TOWERS: Final = ("exact", "svq")
EARLY: Final = 0.25  # of the stream: before it the codebook starts and everything gets better; no trend is read there
TAIL: Final = 5  # deciles of popularity, from the rarest


def by_settings(bench: Bench, variants: Mapping[str, Variant]) -> Measured:
    """One replay a variant: towers, index and codebook."""
    return {name: _of_run(bench.run(variant, TOWERS), bench.ceiling) for name, variant in variants.items()}


def by_arm(bench: Bench, variants: Mapping[str, Variant]) -> Measured:
    """One replay with all arms; the variants are the arms."""
    run = bench.run(Variant({}), ())
    return {name: _of_arm(name, run) for name in variants if name in run["arms"]}


def trend(windows: Sequence[Mapping[str, float]], of: Sequence[Mapping[str, float]] | None = None) -> float:
    """Change of hit@100 along the whole stream by a straight line through its windows, each by its questions.

    Args:
        windows: of one arm.
        of: of another, whose values the first are divided by.

    >>> round(trend([{"event": 10 * k, "n": 5, "hit@100": 0.2 + 0.01 * k} for k in range(20)]), 3)
    0.2
    """
    late = range(round(EARLY * len(windows)), len(windows))
    kept = [k for k in late if windows[k]["n"] and (of is None or of[k][HEADLINE] > 0)]
    if len(kept) < 3:
        return float("nan")
    values = [windows[k][HEADLINE] / (1 if of is None else of[k][HEADLINE]) for k in kept]
    weights = np.sqrt([windows[k]["n"] for k in kept])
    slope = np.polyfit(np.array(kept) / len(windows), values, 1, w=weights)[0]
    return float(slope)


def _of_run(run: Numbers, ceiling: float | None) -> dict[str, float]:
    exact, svq, merge = (run["arms"][name] for name in ("exact", "svq@2%", "svq-merge@10%"))
    codes: Mapping[str, Any] = run["codes"]
    hit = exact[HEADLINE]
    total = codes["total"] or 1
    numbers = {
        "exact": hit,
        "svq": run["arms"]["svq"][HEADLINE],
        "svq@2%/exact": _ratio(svq[HEADLINE], hit),
        "merge/exact": _ratio(merge[HEADLINE], hit),
        "exact trend": trend(exact["over_time"]),
        "merge/exact trend": trend(merge["over_time"], exact["over_time"]),
        "ndcg@100": exact["ndcg@100"],
        "fresh 1d": run["fresh"]["1d"]["exact"],
        "fresh 1d svq": run["fresh"]["1d"]["svq"],
        "tail": _tail(exact["by_popularity"]),
        "coverage": exact["coverage@100"],
        "perplexity/K": codes["perplexity_items"] / total,
        "exposure perplexity/K": codes["perplexity_exposures"] / total,
        "gini": codes["gini_items"],
        "exposure gini": codes["gini_exposures"],
        "largest/mean": codes["largest_over_mean"],
        "churn": codes["churn"],
        "misplaced": codes["misplaced"],
        "events/s": run["throughput"]["learn_events_per_s"],
    }
    if run["cold"].get("n"):
        numbers |= {"cold": run["cold"][HEADLINE], "cold chance": run["cold"]["chance"]}
    if ceiling is not None:
        numbers["exact/ceiling"] = hit / ceiling
    return numbers


def _of_arm(name: str, run: Numbers) -> dict[str, float]:
    arm = run["arms"][name]
    fresh = {f"fresh {age}": entry[name] for age, entry in run["fresh"].items() if entry["n"]}
    return {
        "hit@100": arm[HEADLINE],
        "scored %": 100 * arm["scored_share"],
        **fresh,
        "head": arm["by_popularity"][0][HEADLINE],
        "tail": _tail(arm["by_popularity"]),
        "coverage": arm["coverage@100"],
        "build s": arm["seconds"]["build"],
        "query s": arm["seconds"]["query"],
        "rebuilds": float(arm["rebuilds"]),
    }


def _tail(deciles: Sequence[Mapping[str, float]]) -> float:
    rare = deciles[-TAIL:]
    asked = sum(entry["n"] for entry in rare)
    return sum(entry["n"] * entry[HEADLINE] for entry in rare) / asked if asked else float("nan")


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else float("nan")
