"""One replay with one seed, as numbers."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.arms.registry import build_arms
from benchmarks.interactions import Interactions
from benchmarks.known_items import REFRESHED, astray_by_popularity
from benchmarks.metrics import HEADLINE
from benchmarks.replay import Replay, Watch
from benchmarks.timeline import Timeline
from benchmarks.warm import warm
from pipeline.config import ModelConfig
from pipeline.eligibility import EVERYTHING, Eligibility

RIVALS = ("popularity", "item-knn", "gp-topfreq")
STALE = ("hnsw", "ivf")
Numbers = dict[str, Any]


def run_once(
    set_: Interactions,
    config: ModelConfig,
    seed: int,
    *,
    arms: Sequence[str] = (),
    sample: int | None = None,
    deadline_s: float = 0.0,
    timeline: Timeline | None = None,
    watch: Watch | None = None,
    eligible: Eligibility = EVERYTHING,
    candidates: bool = True,
) -> Numbers:
    """Replay a set; the parts of the results object that a seed has a say in.

    Args:
        set_: what is replayed.
        config: of the model, whose seed does not count.
        seed: of the model, its negatives and its dropouts.
        arms: names; none: all.
        sample: questions a full micro-batch at most.
        deadline_s: seconds of event time after which a micro-batch is closed though it is not full; 0: never.
        timeline: of the set, where there is one already.
        watch: told how many exposures each micro-batch held.
        eligible: which items any arm may answer with.
        candidates: items are filed the moment they are published, and follow the towers, as the candidate stream sees
            to; else with the next micro-batch, and only when they were just exposed.
    """
    warm(tuple(arms))
    begin = time.perf_counter()
    replay = Replay(
        set_, replace(config, seed=seed), build_arms(arms, set_, config.batch, deadline_s), timeline=timeline,
        sample=sample, deadline_s=deadline_s, eligible=eligible, refreshed=REFRESHED if candidates else 0,
        candidates=candidates,
    )  # fmt: skip
    started = time.perf_counter()
    replay.run(watch)
    took = time.perf_counter() - started
    answered = replay.tally.summary(seed)
    renamed = _best_in_hindsight(answered)
    spent = _seconds(replay)
    by_name = {new: answered[old] | spent[old] for new, old in renamed.items()}
    fresh = {
        age: {"n": entry["n"], **{new: entry[old] for new, old in renamed.items()}}
        for age, entry in replay.tally.fresh().items()
    }
    pairs = _ratios({name: arm[HEADLINE] for name, arm in by_name.items()})
    result: Numbers = {
        "predicted": len(replay.tally),
        "items": replay.items.n,
        "micro_batches": len(replay.boundaries) - 1,
        "repeats": replay.timeline.repeats(len(set_) - 1),
        "arms": by_name,
        "codes": replay.codes.summary(
            replay.learner.model.codebook.codes_kd,
            replay.items.clusters_n,
            replay.items.exposures_m[: replay.items.n],
        ),
        "fresh": {age: entry | _fresh_ratios(entry) for age, entry in fresh.items()},
        "cold": replay.cold.summary(seed),
        "ratios": {name: by_name[above][HEADLINE] / by_name[below][HEADLINE] for name, (above, below) in pairs.items()},
        "ratio_intervals": replay.tally.ratio_intervals(
            {name: (renamed[above], renamed[below]) for name, (above, below) in pairs.items()}, seed
        ),
        "throughput": _throughput(replay, took),
        "seconds": time.perf_counter() - begin,
    }
    if not candidates:  # nobody's turn ever came, so that nothing was measured on the way
        result["codes"] |= {
            "misplaced": float(replay.items.astray_n().mean()),
            "misplaced_by_popularity": astray_by_popularity(replay.items),
        }
    rivals = [name for name in RIVALS if name in by_name]
    if rivals:
        result["best_rival"] = max(rivals, key=lambda name: by_name[name][HEADLINE])
    return result


def _best_in_hindsight(answered: Mapping[str, Numbers]) -> dict[str, str]:
    """Name in the results -> name it answered under; of the half-lives of a rival only the best one is kept."""
    names = {name: name for name in answered if not name.startswith(tuple(f"{rival}@" for rival in RIVALS))}
    for rival in RIVALS:
        half_lives = [name for name in answered if name.startswith(f"{rival}@")]
        if half_lives:
            names[rival] = max(half_lives, key=lambda name: answered[name][HEADLINE])
            answered[names[rival]]["half_life"] = float(names[rival].partition("@")[2])
    return names


def _seconds(replay: Replay) -> dict[str, Numbers]:
    """What the arm of each name costs, every rebuild counted, and what this replay spent on it."""
    return {
        name: {
            "seconds": {"build": arm.cost.rebuilds_s, "query": arm.cost.query_s},
            "spent_s": arm.cost.build_s + arm.cost.query_s,
            "rebuilds": arm.cost.rebuilds,
            "builds": arm.cost.builds,
            **({"notes": arm.cost.notes} if arm.cost.notes else {}),
        }
        for key, arm in replay.arms.items()
        for name in replay.names.get(key, ())
    }


def _throughput(replay: Replay, took: float) -> Numbers:
    """Rates by the clock on the wall: of this replay, of steps of learning, of streaming VQ where it ran alone.

    With other arms beside it the last is not known: it answers while the batch is learned from, and they delay both.
    """
    events = len(replay.set)
    rate = events / max(took, 1e-9)
    return {
        "events_per_s": rate,
        "learn_events_per_s": events / max(replay.seconds["learn"], 1e-9),
        "svq_events_per_s": rate if tuple(replay.arms) == ("svq",) else None,
    }


def _ratios(hits: Mapping[str, float]) -> dict[str, tuple[str, str]]:
    """Name of a ratio -> the arms that are compared by the headline metric, the better rival among them."""
    rivals = sorted((name for name in RIVALS if name in hits), key=lambda name: -hits[name])
    pairs = {f"{name}/rival": (name, rivals[0]) for name in ("exact", "svq") if name in hits and rivals}
    if "exact" in hits:
        pairs |= {f"{name}/exact": (name, "exact") for name in hits if name.startswith(("svq@", "svq-"))}
    return {name: pair for name, pair in pairs.items() if hits[pair[1]] > 0}


def _fresh_ratios(entry: Mapping[str, float]) -> Numbers:
    """Streaming VQ against every index that is rebuilt."""
    if "svq" not in entry:
        return {}
    stale = [name for name in entry if name.startswith(STALE)]
    return {f"svq/{name}": entry["svq"] / entry[name] for name in stale if entry[name] > 0}
