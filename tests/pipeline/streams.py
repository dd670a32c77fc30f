"""Small seeded streams of exposures."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.batch import Batch
from pipeline.config import Feature, ModelConfig, Task
from pipeline.histories import Histories

FEATURES = (
    Feature("word", "item", "multi", dim=4, max_values=3),
    Feature("price", "item", "numeric"),
    Feature("country", "user", "categorical", dim=4),
    Feature("hour", "context", "numeric"),
)
TASKS = (Task("click"), Task("watch", "value", weight=0.5))


def config(**settings: Any) -> ModelConfig:
    """Small enough for tests, with every kind of feature and task."""
    small = {
        "tasks": TASKS, "features": FEATURES, "dim": 8, "id_dim": 8, "hidden": 16, "batch": 64, "codes": 8,
        "history": 5, "tower_history": 3, "start_steps": 4, "start_exposures": 2, "expire_after": 100_000,
    }  # fmt: skip
    return ModelConfig(**(small | settings))


def item_features(number: int) -> dict[str, Any]:
    return {"word": [f"w{number % 7}", f"w{number % 3}"], "price": float(number % 11)}


Row = tuple[str, str, tuple[str, ...], int, tuple[float, ...]]


class Exposures:
    """Users who like the items of their own group, more and less popular ones."""

    def __init__(self, seed: int, *, items: int = 120, users: int = 40, groups: int = 6) -> None:
        self.rng = np.random.default_rng(seed)
        self.items, self.users, self.groups = items, users, groups
        self.time = 1_700_000_000_000

    def batches(self, config: ModelConfig, count: int) -> Iterator[Batch]:
        histories = Histories(config.history)
        for _ in range(count):
            n = config.batch
            users = self.rng.integers(0, self.users, n)
            popular = (self.items // self.groups * self.rng.random(n) ** 2).astype(int)
            items = popular * self.groups + users % self.groups
            clicked = self.rng.random(n) < 0.8
            labels = np.stack([clicked, clicked * self.rng.random(n) * 100], axis=1).astype(np.float32)
            labels[self.rng.random(n) < 0.1, 1] = np.nan
            events = zip(users.tolist(), items.tolist(), clicked.tolist(), strict=True)
            rows = [self._row(histories, *event) for event in events]
            yield Batch(
                [row[0] for row in rows],
                [row[1] for row in rows],
                labels[:, : config.n_tasks],
                [{"country": f"c{user % 3}"} for user in users],
                [{"hour": float(row[3] // 3_600_000 % 24)} for row in rows],
                [item_features(int(item)) for item in items],
                [row[2] for row in rows],
                [row[4] for row in rows],
                [row[3] for row in rows],
            )

    def _row(self, histories: Histories, user: int, item: int, clicked: bool) -> Row:
        self.time += 60_000
        name = f"u{user}"
        history = histories.as_of(name, self.time)
        ages = tuple((self.time - time) / 1000 for time in history.times)
        if clicked:
            histories.append(name, f"i{item}", self.time)
        return name, f"i{item}", history.items, self.time, ages
