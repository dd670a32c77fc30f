"""A results object of the right shape; its numbers were drawn at random and mean nothing."""

from typing import Any

import numpy as np

from pipeline.config import ModelConfig, Task

ARMS = (
    "exact", "svq", "svq@0.5%", "svq@1%", "svq@2%", "svq@5%", "svq@10%", "svq-merge@10%", "hnsw", "hnsw+buffer", "ivf",
    "ivf+buffer", "popularity", "item-knn", "gp-topfreq",
)  # fmt: skip
AGES = ("1h", "1d", "7d", "older", "unseen")


def sample_result(name: str = "sample", seeds: tuple[int, ...] = (0,), codes: int = 8) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "version": 1,
        "data": {
            "name": name, "rows": 1234, "events": 1200, "predicted": 1000, "users": 50, "items": 300,
            "first": "2013-02-28T14:38:27+00:00", "last": "2013-03-31T08:00:00+00:00", "tied_share": 0.77,
            "repeated_share": 0.004, "repeats": False, "tasks": ["click", "like"],
            "features": [{"name": "genre", "side": "item", "kind": "multi"}],
            "dropped": {"no timestamp": 34, "no user": 0}, "ignored_columns": ["note"],
            "notes": ["the times were read as UTC"],
        },
        "arms": {arm: _arm(arm, rng) for arm in ARMS},
        "best_rival": "popularity",
        "codes": {
            "total": codes, "used": codes - 1, "perplexity_items": 5.0, "perplexity_exposures": 4.0, "gini_items": 0.4,
            "gini_exposures": 0.6, "largest_over_mean": 2.5, "churn": 0.05, "misplaced": 0.01,
            "sizes": rng.integers(0, 60, codes).tolist(),
            "map": [[*rng.standard_normal(2).tolist(), 9, 40] for _ in range(codes)],
        },
        "fresh": {age: {"n": 20, **{arm: float(rng.random()) for arm in ARMS}, "svq/hnsw": 1.5} for age in AGES[:3]},
        "cold": {"n": 17, "hit@100": 0.3, "id_only": 0.01, "chance": 0.01, "among_all": 0.0, "interval": [0.2, 0.4]},
        "ratios": {"exact/rival": 1.05, "svq@10%/exact": 0.99},
        "ratio_intervals": {"exact/rival": [1.01, 1.09]},
        "seeds": list(seeds),
        "throughput": {"events_per_s": 888.0, "learn_events_per_s": 1111.0, "svq_events_per_s": None},
        "settings": ModelConfig(tasks=(Task("click"), Task("like")), tau=0.314).to_dict(),
        "machine": {"cpu": "Some CPU", "cores": 2, "memory_gib": 24, "python": "3.11", "torch": "2.6", "numpy": "2.1"},
        "seconds": 12.3,
    }  # fmt: skip


def _arm(name: str, rng: np.random.Generator) -> dict[str, Any]:
    def entry(n: int = 7) -> dict[str, Any]:  # all arms are asked the same questions
        return {"n": n, "hit@100": float(rng.random())}

    metrics = {
        f"{metric}@{k}": float(rng.random()) for metric in ("hit", "recall", "ndcg", "mrr") for k in (10, 50, 100)
    }
    return {
        **metrics,
        "interval": {"hit@100": sorted(rng.random(2).tolist())},
        "scored_share": {"exact": 1.0, "svq@1%": 0.01, "svq@0.5%": 0.005}.get(name, float(rng.random())),
        "coverage@100": float(rng.random()),
        "seconds": {"build": float(rng.random()), "query": 2.0},
        "spent_s": 2.5,
        "rebuilds": 31,
        "builds": 3,
        "by_age": {age: entry() for age in AGES},
        "by_popularity": [entry() for _ in range(10)],
        "by_history": {bucket: entry() for bucket in ("0", "1-4", "5-19", "20+")},
        "over_time": [{"event": 60 * window, **entry()} for window in range(20)],
    }
