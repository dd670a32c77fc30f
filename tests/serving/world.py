"""A small world of users and items, a learner of it, and what trainer and indexers would have written."""

import copy
import time as clock
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from streamvq_client.record import Record
from streamvq_client.rows import ClusterRow, HistoryRow, ItemIndexRow, ItemRow, encode

from pipeline.catalogue import Catalogue
from pipeline.changes import Changes
from pipeline.config import Feature, ModelConfig, Task
from pipeline.learner import Batch, Learner
from pipeline.model import Model
from schemas.commit import Commit
from schemas.http import Query
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, encode_commit, encode_config, records_of
from schemas.topics import Topics
from schemas.versions import Version
from tests.serving.brute_force import Past

torch.set_num_threads(1)
GENRES = 8
PARTITIONS = 2
BEGIN = 1_700_000_000_000
EVERY_MS = 60_000

Written = tuple[str, bytes, bytes | None]
"""Topic, key, value."""


def small_config(**changes: Any) -> ModelConfig:
    settings: dict[str, Any] = {
        "tasks": (Task("click"), Task("watch", kind="value")),
        "features": (
            Feature("genre", "item", "categorical", dim=8),
            Feature("price", "item", "numeric"),
            Feature("country", "user", "categorical", dim=4),
            Feature("hour", "context", "numeric"),
        ),
        "dim": 16,
        "id_dim": 16,
        "hidden": 16,
        "codes": 16,
        "batch": 64,
        "start_steps": 5,
        "start_exposures": 1,
        "history": 8,
    }
    return ModelConfig(**(settings | changes))


class World:
    """Users like items of their genre. What is learnt of that can be written down as records of the topics."""

    def __init__(self, topics: Topics, *, items: int = 300, users: int = 60, seed: int = 0, **config: Any) -> None:
        self.topics = topics
        self.config = small_config(**config)
        self.rng = np.random.default_rng(seed)
        self.names = [f"i{n}" for n in range(items)]
        self.rows = {name: self._item_row(n) for n, name in enumerate(self.names)}
        self.users = [f"u{n}" for n in range(users)]
        self.now = BEGIN
        """Time of the latest exposure."""
        self.exposures: Counter[str] = Counter()
        self.histories: dict[str, list[str]] = {user: [] for user in self.users}
        self.times: dict[str, list[int]] = {user: [] for user in self.users}
        catalogue = Catalogue()
        for name, row in self.rows.items():
            catalogue.put(name, row.features)
        self.learner = Learner(self.config, seed, catalogue=catalogue)
        self.number = 100
        self.twin = Model(self.config)
        """What a replica of all versions so far computes."""

    def copied(self, topics: Topics) -> "World":
        """The same world, going its own way from here."""
        other = copy.deepcopy(self)
        other.topics = topics
        return other

    def twin_of_now(self) -> Model:
        """The model as published so far."""
        return copy.deepcopy(self.twin)

    def train(self, steps: int) -> None:
        for _ in range(steps):
            users = self.rng.integers(len(self.users), size=self.config.batch)
            shown = self.rng.zipf(1.3, size=self.config.batch) % len(self.names)
            labels = np.stack([(shown % GENRES == users % GENRES), (shown % GENRES == users % GENRES) * 30.0], axis=1)
            times = [self.now + EVERY_MS * (1 + place) for place in range(self.config.batch)]
            batch = Batch(
                [self.users[u] for u in users],
                [self.names[i] for i in shown],
                labels[:, : self.config.n_tasks].astype(np.float32),
                user_features=[{"country": f"c{u % 3}"} for u in users],
                contexts=[{"hour": float(u % 24)} for u in users],
                history_items=[tuple(self.histories[self.users[u]]) for u in users],
                history_ages=[
                    [(time - earlier) / 1000 for earlier in self.times[self.users[u]]]
                    for u, time in zip(users, times, strict=True)
                ],
                times=times,
            )
            self.learner.step(batch)
            self.now = times[-1]
            self.exposures.update(batch.item_ids)
            for u, i, time in zip(users.tolist(), shown.tolist(), times, strict=True):
                if i % GENRES == u % GENRES:
                    self.histories[self.users[u]] = [*self.histories[self.users[u]], self.names[i]][-8:]
                    self.times[self.users[u]] = [*self.times[self.users[u]], time][-8:]

    def past(self, query: Query) -> Past:
        """What is known of the user of a query, at the latest time that two users have reached."""
        user = query.user_id or ""
        latest = sorted(times[-1] for times in self.times.values() if times)[-2]
        return Past(self.histories.get(user, []), [max(latest - time, 0) / 1000 for time in self.times.get(user, [])])

    def version(self) -> Version:
        """Close a version of everything learnt since the last one."""
        changes, _ = self.learner.take_changes()
        self.number += 1
        self.twin.apply(changes)
        commit = Commit(
            version=self.number,
            clock=self.learner.clock,
            offsets={0: self.learner.clock},
            config_hash=self.config.hash(),
            time_ms=int(clock.time() * 1000),
        )
        return Version(changes, commit, self.config)

    def version_records(self, version: Version | None = None) -> list[Written]:
        changes, commit, config = version or self.version()
        topic = self.topics.parameters
        config_record = (topic, CONFIG_KEY, encode_config(config))
        closing = (topic, COMMIT_KEY, encode_commit(commit))
        return [config_record, *((topic, key, value) for key, value in records_of(changes)), closing]

    def item_records(self, names: Iterable[str] | None = None) -> list[Written]:
        return [(self.topics.items_changelog, n.encode(), encode(self.rows[n])) for n in names or self.names]

    def index_rows(self, names: Sequence[str] | None = None) -> dict[str, ItemIndexRow]:
        chosen = list(names or self.names)
        placed = self.learner.place(chosen, [self.rows[name].features for name in chosen])
        return {
            name: ItemIndexRow(
                clusters=[int(placed.clusters_n[i])],
                bias=placed.bias_nt[i].tolist(),
                popularity=placed.popularity_nh[i].tolist() if self.exposures[name] else [],
                exposures=self.exposures[name],
                version=self.number,
                time=int(clock.time() * 1000),
                published=self.rows[name].published,
            )
            for i, name in enumerate(chosen)
        }

    def index_records(self, names: Sequence[str] | None = None) -> list[Written]:
        topic = self.topics.item_index_changelog
        return [(topic, name.encode(), encode(row)) for name, row in self.index_rows(names).items()]

    def history_records(self) -> list[Written]:
        rows = {user: HistoryRow(items, self.times[user]) for user, items in self.histories.items()}
        return [(self.topics.histories_changelog, user.encode(), encode(row)) for user, row in rows.items()]

    def cluster_records(self) -> list[Written]:
        topic = self.topics.clusters_changelog
        return [(topic, str(k).encode(), encode(ClusterRow(k + 1, 10 * (k + 1), 0))) for k in range(-1, 16)]

    def everything(self) -> list[Written]:
        version = self.version_records()
        return [
            *self.item_records(), *self.index_records(), *self.history_records(), *self.cluster_records(), *version
        ]  # fmt: skip

    def _item_row(self, number: int) -> ItemRow:
        features = {"genre": f"g{number % GENRES}", "price": float(number)}
        return ItemRow(features, {"title": f"Item {number}"}, published=BEGIN + number)


def as_records(written: Iterable[Written]) -> list[Record]:
    """As a reader hands them out."""
    now = int(clock.time() * 1000)
    return [Record(topic, 0, n, now, key, value) for n, (topic, key, value) in enumerate(written)]


def merged(*changes: Changes) -> Changes:
    first, *rest = changes
    for later in rest:
        first = first.merge(later)
    return first
