"""Small sets to replay, with ties in time, repeats, zeros, and items published before anybody sees them."""

import numpy as np

from benchmarks.interactions import Interactions
from pipeline.config import Feature, ModelConfig, Task

CONFIG = ModelConfig(
    tasks=(Task("click"),), dim=8, id_dim=8, hidden=8, batch=64, codes=8, start_steps=2, start_exposures=1, history=5
)


def small_set(
    events: int = 1000, *, items: int = 300, users: int = 40, seed: int = 0, repeats: bool = False
) -> Interactions:
    """Some exposures at the same time, some not clicked; the last tenth of the items is published at the start."""
    rng = np.random.default_rng(seed)
    user_n = rng.integers(users, size=events)
    taken: set[tuple[int, int]] = set()
    chosen = np.minimum(rng.pareto(0.6, events) * 5, items - items // 10 - 1).astype(np.int64)
    if not repeats:
        for row, user in enumerate(user_n.tolist()):
            while (user, int(chosen[row])) in taken:
                chosen[row] = rng.integers(items - items // 10)
            taken.add((user, int(chosen[row])))
    time_n = np.sort(rng.integers(events // 2, size=events)) * 60_000
    early = np.arange(items - items // 10, items)  # never exposed, offered all the time
    order = list(dict.fromkeys(chosen.tolist()))
    number = {old: len(early) + place for place, old in enumerate(order)}
    item_n = np.array([number[old] for old in chosen.tolist()], np.int32)
    first = dict(zip(item_n[::-1].tolist(), time_n[::-1].tolist(), strict=True))
    published = [0] * len(early) + [first[len(early) + place] for place in range(len(order))]
    labels = (rng.random((events, 1)) < 0.8).astype(np.float32)
    names = [f"i{n}" for n in range(len(published))]
    return Interactions(
        "small", [f"u{n}" for n in range(users)], names, user_n.astype(np.int32), item_n, time_n.astype(np.int64),
        CONFIG.tasks, labels, np.array(published, np.int64),
        (Feature("genre", "item", "categorical", dim=4),), (), [{"genre": str(n % 7)} for n in range(len(names))],
    )  # fmt: skip
