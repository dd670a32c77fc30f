"""Predict each micro-batch, then learn from it: hit@k of the index beside exact search, popularity and item-kNN.

python benchmarks/prequential.py online-retail PATH/ecommerce_sales.csv
python benchmarks/prequential.py movielens PATH/ml-100k --set tau=0.1 --set history=20
"""

import argparse
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.streams import Stream, kuairand, movielens, online_retail
from pipeline.balance import gini, perplexity
from pipeline.batch import Batch
from pipeline.config import ModelConfig
from pipeline.histories import Histories
from pipeline.inputs import UserInputs
from pipeline.learner import Learner

SHARES = (0.10, 0.05, 0.02, 0.01, 0.005)
FEWEST_SCORED = 200
CHUNK = 8
FRESH_MS = 7 * 24 * 3600 * 1000


@dataclass
class Popular:
    """Decayed counts of items for some half-lives."""

    half_lives: tuple[float, ...]
    counts: np.ndarray  # type: ignore[type-arg]

    def update(self, rows: np.ndarray) -> None:  # type: ignore[type-arg]
        """Count one batch."""
        for place, half_life in enumerate(self.half_lives):
            self.counts[place] *= 0.5 ** (len(rows) / half_life)
            np.add.at(self.counts[place], rows, 1.0)


@dataclass
class Neighbours:
    """What was taken after an item, by the same user."""

    following: dict[int, dict[int, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))

    def scores(self, last: int, items: int) -> np.ndarray:  # type: ignore[type-arg]
        """Counts after `last`, for all items."""
        scores = np.zeros(items)
        for item, count in self.following.get(last, {}).items():
            scores[item] = count
        return scores


class Run:
    """One pass over a stream."""

    def __init__(
        self, stream: Stream, config: ModelConfig, *, sample: int, k: int, every: int = 1, baselines: bool = True
    ) -> None:
        self.stream, self.config, self.k, self.sample = stream, config, k, sample
        self.every, self.baselines = every, baselines
        self.learner = Learner(config)
        self.histories = Histories(config.history)
        self.items: list[str] = []
        self.rows: dict[str, int] = {}
        self.first_seen: list[int] = []
        self.clusters = np.zeros(0, np.int32)
        self.hits: dict[str, list[float]] = defaultdict(list)
        self.when: list[int] = []
        self.fresh: list[bool] = []
        capacity = len(set(stream.item_ids) | set(stream.published))
        half_lives = (1_000.0, 3_000.0, 10_000.0, 30_000.0, 100_000.0)
        self.popular = Popular(half_lives, np.zeros((len(half_lives), capacity)))
        self.neighbours = Neighbours()
        self.seen: dict[str, set[int]] = defaultdict(set)
        self.seconds: dict[str, float] = defaultdict(float)
        self.reports: list[Any] = []
        self.to_publish = sorted(stream.published.items(), key=lambda entry: (entry[1], entry[0]))[::-1]

    def run(self) -> dict[str, Any]:
        """All batches; returns the numbers."""
        batch, n = self.config.batch, len(self.stream)
        for number, start in enumerate(range(0, n, batch)):
            rows = list(range(start, min(start + batch, n)))
            self.publish_due(self.stream.times[rows[0]])
            histories = self.advance_histories(rows)
            if len(self.items) > self.k and number % self.every == 0:
                self.predict(number, rows, histories)
            for i in rows:
                if self.stream.item_ids[i] not in self.rows:
                    self.publish(self.stream.item_ids[i], self.stream.times[i])
            self.learn(rows, histories)
        return self.summary()

    def publish_due(self, now: int) -> None:
        """Items published by now."""
        while self.to_publish and self.to_publish[-1][1] <= now:
            self.publish(*self.to_publish.pop())

    def publish(self, item: str, when: int) -> None:
        """A new item becomes known."""
        if item in self.rows:
            return
        self.rows[item] = len(self.items)
        self.items.append(item)
        self.first_seen.append(when)
        self.clusters = np.append(self.clusters, np.int32(-1))
        self.learner.catalogue.put(item, self.stream.item_features.get(item, {}))

    def advance_histories(self, rows: list[int]) -> list[tuple[tuple[str, ...], tuple[int, ...]]]:
        """History of each row as of before it; positives of the batch are appended as time passes."""
        result = []
        for i in rows:
            user, moment = self.stream.user_ids[i], self.stream.times[i]
            result.append(tuple(self.histories.as_of(user, moment)))
            if self.stream.labels_nt[i, 0] > 0:
                self.histories.append(user, self.stream.item_ids[i], moment)
        return result  # type: ignore[return-value]

    def predict(self, number: int, rows: list[int], histories: list[Any]) -> None:
        """Rank the catalogue for a sample of the batch's positives."""
        rng = np.random.default_rng((17, number))
        stream = self.stream
        positive = [i for i in rows if stream.labels_nt[i, 0] > 0]
        chosen = rng.permutation(positive)[: self.sample].tolist() if self.sample else positive
        if not chosen:
            return
        begin = time.perf_counter()
        model = self.learner.model
        items = self.items
        vectors = model.items(items, [stream.item_features.get(item, {}) for item in items])
        self.clusters = model.assign(vectors.v_nd, self.clusters)
        prior = self.config.gamma * model.log_share(self.learner.popularity(items))
        history = [histories[i - rows[0]] for i in chosen]
        users = [stream.user_ids[i] for i in chosen]
        features = [stream.user_features.get(user, {}) for user in users]
        ages = [[(stream.times[i] - t) / 1000 for t in entry[1]] for i, entry in zip(chosen, history, strict=True)]
        u = model.users(UserInputs(users, features, (), [entry[0] for entry in history], ages))[:, 0]
        static = vectors.bias_nt[:, 0] + prior
        exact = u @ vectors.v_nd.T / self.config.tau + static
        coarse = self.coarse(u, static)
        names = [f"pop{half_life:g}" for half_life in self.popular.half_lives]
        target = np.array([self.rows.get(stream.item_ids[i], -1) for i in chosen])
        masks = self.masks(users)
        n = len(items)
        for place, row in enumerate(target.tolist()):
            blocked = masks[place]
            self.when.append(chosen[place])
            self.fresh.append(row < 0 or stream.times[chosen[place]] - self.first_seen[row] < FRESH_MS)
            scores = exact[place].copy()
            scores[blocked] = -np.inf
            fast = coarse[place].copy()
            fast[blocked] = -np.inf
            self.hit("exact", scores, row)
            order = np.argsort(-fast, kind="stable")
            for share in SHARES:
                candidates = order[: max(FEWEST_SCORED if share >= 0.02 else 100, round(share * n))]
                self.hit_among(f"svq@{share:.1%}", scores, row, candidates)
            if not self.baselines:
                continue
            for name, counts in zip(names, self.popular.counts, strict=True):
                popular = counts[:n].copy()
                popular[blocked] = -np.inf
                self.hit(name, popular, row)
            last = self.rows.get(history[place][0][-1], -1) if history[place][0] else -1
            near = self.neighbours.scores(last, n) + 1e-9 * self.popular.counts[2][:n]
            near[blocked] = -np.inf
            self.hit("knn", near, row)
        self.seconds["predict"] += time.perf_counter() - begin

    def coarse(self, u: np.ndarray, static: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        """Score of each item by its code, with the key of its chunk's first item: the order the merge gives."""
        per_code = self.learner.model.coarse(u)
        order = np.lexsort((-static, self.clusters))
        sorted_clusters = self.clusters[order]
        starts = np.flatnonzero(np.r_[True, sorted_clusters[1:] != sorted_clusters[:-1]])
        within = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
        heads = np.arange(len(order)) - within % CHUNK
        keys = np.empty_like(static)
        keys[order] = static[order][heads]
        if per_code.shape[1] == 0:
            return np.broadcast_to(keys, (len(u), len(keys)))
        scores = per_code[:, np.maximum(self.clusters, 0)]
        return np.where(self.clusters >= 0, scores, 0.0) + keys

    def masks(self, users: list[str]) -> list[list[int]]:
        """Items not offered to each user."""
        if self.stream.repeats:
            return [[] for _ in users]
        return [list(self.seen[user]) for user in users]

    def hit(self, arm: str, scores: np.ndarray, row: int) -> None:  # type: ignore[type-arg]
        """Whether the item is among the first k."""
        self.hits[arm].append(float(row >= 0 and np.isfinite(scores[row]) and (scores > scores[row]).sum() < self.k))

    def hit_among(self, arm: str, scores: np.ndarray, row: int, candidates: np.ndarray) -> None:  # type: ignore[type-arg]
        """The same among some candidates."""
        found = row >= 0 and bool((candidates == row).any()) and np.isfinite(scores[row])
        self.hits[arm].append(float(found and (scores[candidates] > scores[row]).sum() < self.k))

    def learn(self, rows: list[int], histories: list[Any]) -> None:
        """One training step, and the baselines' counts."""
        stream = self.stream
        users, items = [stream.user_ids[i] for i in rows], [stream.item_ids[i] for i in rows]
        ages = [[(stream.times[i] - t) / 1000 for t in entry[1]] for i, entry in zip(rows, histories, strict=True)]
        batch = Batch(
            users, items, stream.labels_nt[rows[0] : rows[-1] + 1],
            [stream.user_features.get(user, {}) for user in users], (),
            [stream.item_features.get(item, {}) for item in items],
            [entry[0] for entry in histories], ages, [stream.times[i] for i in rows],
        )  # fmt: skip
        begin = time.perf_counter()
        self.reports.append(self.learner.step(batch))
        self.seconds["step"] += time.perf_counter() - begin
        positive = [i for i in rows if stream.labels_nt[i, 0] > 0]
        self.popular.update(np.array([self.rows[stream.item_ids[i]] for i in positive], np.int64))
        for i in positive:
            row = self.rows[stream.item_ids[i]]
            self.seen[stream.user_ids[i]].add(row)
            history = histories[i - rows[0]][0]
            if history:
                self.neighbours.following[self.rows[history[-1]]][row] += 1

    def summary(self) -> dict[str, Any]:
        """Mean hits over the whole run and its second half, and the state of the codebook."""
        arms = {arm: np.array(values) for arm, values in self.hits.items()}
        late = np.array(self.when) >= len(self.stream) / 2
        fresh = np.array(self.fresh)
        held = np.bincount(self.clusters[self.clusters >= 0], minlength=max(self.learner.model.codebook.n_codes, 1))
        popular = max((arm for arm in arms if arm.startswith("pop")), key=lambda arm: arms[arm].mean(), default="exact")
        last = self.reports[-1]
        return {
            "whole": {arm: round(float(values.mean()), 4) for arm, values in arms.items()},
            "late": {arm: round(float(values[late].mean()), 4) for arm, values in arms.items()},
            "fresh": {arm: round(float(values[fresh].sum() / max(fresh.sum(), 1)), 4) for arm, values in arms.items()},
            "best_popular": popular,
            "codes": len(held), "used": int((held > 0).sum()), "perplexity": round(perplexity(held), 1),
            "gini": round(gini(held), 3), "largest": int(held.max()), "items": len(self.items),
            "half_life": last.half_life, "loss_aux": round(last.loss_aux, 3), "loss_ind": round(last.loss_ind, 3),
            "events_per_s": round(len(self.stream) / self.seconds["step"]),
            "predict_s": round(self.seconds["predict"], 1), "predicted": len(self.when),
        }  # fmt: skip


def load(name: str, path: Path, rows: int | None) -> Stream:
    """A stream by name."""
    if name == "online-retail":
        stream = online_retail(path)
    elif name == "kuairand":
        stream = kuairand(path)
    else:
        stream = movielens(path, rows)
    return stream.head(rows) if rows else stream


def line(result: dict[str, Any]) -> str:
    """The numbers that matter in one line."""
    whole, late = result["whole"], result["late"]
    popular = result["best_popular"]
    shown = ("exact", "svq@10.0%", "svq@5.0%", "svq@2.0%", "svq@0.5%", "knn", popular)
    numbers = " ".join(f"{arm}={whole[arm]:.3f}/{late[arm]:.3f}" for arm in shown)
    ratio = whole["svq@10.0%"] / max(whole["exact"], 1e-9)
    gain = whole["svq@10.0%"] / max(whole[popular], 1e-9)
    codes = f"K={result['codes']} used={result['used']} ppl={result['perplexity']} big={result['largest']}"
    speed = f"ev/s={result['events_per_s']} pred={result['predict_s']}s"
    fresh = result["fresh"]["exact"]
    half_life = result["half_life"]
    return f"{numbers} fresh={fresh:.3f} | svq/exact={ratio:.3f} svq/pop={gain:.3f} {codes} hl={half_life:g} {speed}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stream")
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--sample", type=int, default=128, help="events predicted a batch, 0: all")
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--every", type=int, default=1, help="predict every so many batches")
    parser.add_argument("--set", action="append", default=[], help="setting=JSON value")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    stream = load(arguments.stream, arguments.path, arguments.rows)
    settings = {}
    for entry in arguments.set:
        name, value = entry.split("=", 1)
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    if "half_lives" in settings:
        settings["half_lives"] = tuple(settings["half_lives"])
    config = ModelConfig(tasks=stream.tasks, features=stream.features, **settings)
    run = Run(stream, config, sample=arguments.sample, k=arguments.k, every=arguments.every)
    result = run.run()
    print(
        json.dumps(result, indent=1) if arguments.json else f"{stream.name} {' '.join(arguments.set)}: {line(result)}"
    )


if __name__ == "__main__":
    main()
