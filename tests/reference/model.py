"""Inference from published parameters, one item and one user at a time."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.changes import Changes
from pipeline.config import ModelConfig

Vector = NDArray[np.float64]


class Model:
    def __init__(self, config: ModelConfig, parameters: Changes) -> None:
        self.config = config
        self.dense = parameters.dense
        self.tables = {
            table: dict(zip(ids, values.astype(np.float64), strict=True))
            for table, (ids, values) in parameters.rows.items()
        }

    def item(self, name: str, features: Mapping[str, Any], tower: str = "item") -> tuple[Vector, Vector]:
        config = self.config
        row = self.tables.get("item", {}).get(name, np.zeros(config.id_dim + config.n_tasks))
        inputs = np.concatenate([row[: config.id_dim], *self._features(("item",), {"item": features})])
        outputs = self._tower(tower, inputs)
        v = outputs[: config.dim]
        return v / math.sqrt(v @ v), outputs[config.dim :] + row[config.id_dim :]

    def user(
        self,
        name: str,
        features: Mapping[str, Any],
        context: Mapping[str, Any],
        history: Sequence[str],
        ages: Sequence[float],
        tower: str = "user",
    ) -> list[Vector]:
        config = self.config
        kept = list(history)[-config.history :]
        latest = kept[-config.tower_history :][::-1]
        rows = [self.tables.get("item", {}).get(item, np.zeros(config.id_dim + 1))[: config.id_dim] for item in latest]
        nothing = np.zeros(config.id_dim)
        fading = [0.5 ** (place / config.recency) for place in range(len(rows))]
        inputs = [
            self.tables.get("user", {}).get(name, nothing),
            sum(rows) / len(rows) if rows else nothing,
            sum(weight * row for weight, row in zip(fading, rows, strict=True)) / sum(fading) if rows else nothing,
            rows[0] if rows else nothing,
            *self._features(
                ("user", "context"),
                {"user": features, "context": context},
                [math.log1p(ages[-1]) if len(ages) else None, math.log1p(len(kept))],
            ),
        ]
        outputs = self._tower(tower, np.concatenate(inputs)).reshape(config.n_tasks, config.dim)
        length = math.exp(float(self.dense[f"tower.{tower}.log_length"]))
        return [length * u / math.sqrt(u @ u) for u in outputs]

    def bonus(self, task: int, history: Sequence[str], item: str) -> float:
        latest = list(history)[-self.config.history :][::-1]
        if item not in latest:
            return 0.0
        recency = sum(latest.index(item) >= first for first in (1, 3, 7, 15, 31))
        bucket = 4 * recency + min(latest.count(item), 4) - 1
        return float(self.dense["tower.repeats.bonus_tb"][task, bucket])

    def code(self, v: Vector, present: int) -> int:
        codes = {int(k): row for k, row in self.tables["codebook"].items()}
        mean = sum(row[-1] for row in codes.values()) / len(codes)
        looks = {}
        for k, row in codes.items():
            r = min(self.config.disturbance * row[-1] / mean, 1.0) * max(row[-1] / mean, 1.0) ** self.config.crowding
            looks[k] = math.sqrt(((row[:-1] - v) ** 2).sum()) * r * (1 - self.config.hysteresis * (k == present))
        return min(looks, key=lambda k: looks[k])

    def _features(
        self,
        sides: Sequence[str],
        given: Mapping[str, Mapping[str, Any]],
        more: Sequence[float | None] = (),
    ) -> list[Vector]:
        parts, raw = [], []
        moments = list(self.dense["numbers.item" if "item" in sides else "numbers.user"])
        for feature in self.config.features:
            if feature.side not in sides:
                continue
            value = given[feature.side].get(feature.name)
            if feature.kind == "numeric":
                raw.append(value)
                continue
            values = [] if value is None else value if isinstance(value, list) else [value]
            values = values[: feature.max_values]
            table = self.tables.get(feature.table, {})
            total = sum((table.get(str(entry), np.zeros(feature.dim)) for entry in values), np.zeros(feature.dim))
            parts.append(total / max(len(values), 1))
        raw += more
        numbers = []
        for value, (count, mean, squares) in zip(raw, moments, strict=True):
            deviation = math.sqrt(squares / max(count, 1)) or 1.0
            known = value is not None and count > 0
            numbers.append(min(max((value - mean) / deviation, -4), 4) if known else 0.0)
        return [*parts, np.array(numbers + [float(value is not None) for value in raw])]

    def _tower(self, tower: str, inputs: Vector) -> Vector:
        def tensor(name: str) -> Vector:
            return self.dense[f"tower.{tower}.net.{name}"].astype(np.float64)

        hidden = np.maximum(tensor("hidden.weight") @ inputs + tensor("hidden.bias"), 0)
        return tensor("skip.weight") @ inputs + tensor("skip.bias") + tensor("out.weight") @ hidden
