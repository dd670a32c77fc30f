"""What goes into a training step and what comes out of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.arrays import Doubles, Floats, Ints
from pipeline.config import ModelConfig
from pipeline.errors import BatchError
from pipeline.features import Features
from pipeline.inputs import UserInputs


@dataclass(frozen=True, slots=True)
class Batch:
    """At most B exposures, in the order of the stream. Empty sequences stand for nothing known of any row.

    Attributes:
        labels_bt: one label a task, NaN where the exposure says nothing of it.
        item_features: as published; where absent for all rows they are read from the learner's catalogue.
        history_items: positives of the user before this exposure, oldest first.
        history_ages: seconds from positives to this exposure; the last, the latest's, is enough.
        times: milliseconds since the epoch.
    """

    user_ids: Sequence[str]
    item_ids: Sequence[str]
    labels_bt: Floats
    user_features: Sequence[Features] = ()
    contexts: Sequence[Features] = ()
    item_features: Sequence[Features] = ()
    history_items: Sequence[Sequence[str]] = ()
    history_ages: Sequence[Sequence[float]] = ()
    times: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.user_ids)

    @property
    def users(self) -> UserInputs:
        """The user's side of each row."""
        return UserInputs(self.user_ids, self.user_features, self.contexts, self.history_items, self.history_ages)

    def check(self, config: ModelConfig) -> None:
        """Raise BatchError unless the rows fit together and the configuration."""
        n = len(self)
        if not 1 <= n <= config.batch:
            raise BatchError(f"{n} exposures, expected 1..{config.batch}")
        if len(self.item_ids) != n or self.labels_bt.shape != (n, config.n_tasks):
            shape = self.labels_bt.shape
            raise BatchError(f"{n} users, {len(self.item_ids)} items, labels {shape} for {config.n_tasks} tasks")

    def rewards(self, config: ModelConfig) -> Doubles:
        """h: 1 for a positive binary label, log1p(min(label, cap)) for a value, 0 for none, (B, T)."""
        labels = np.nan_to_num(self.labels_bt.astype(np.float64), nan=0.0)
        columns = [
            (labels[:, t] > 0).astype(np.float64)
            if task.kind == "binary"
            else np.log1p(np.clip(labels[:, t], 0, task.cap))
            for t, task in enumerate(config.tasks)
        ]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step in numbers. Losses are means over the positive rows of all tasks.

    Attributes:
        events: exposures learned from.
        positives: positive rows of each task.
        columns: distinct items contrasted.
        codes_hit: distinct codes of the exposed items; 0 before the codebook starts.
        started: the codebook started in this step, so every item has to be filed.
        half_life: the one chosen for popularity, in training events.
        unknown_values: feature values under names, or of types, not configured.
    """

    events: int
    loss_aux: float
    loss_ind: float
    loss_rank: float
    positives: tuple[int, ...]
    columns: int
    codes_hit: int
    started: bool
    half_life: float
    unknown_values: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where items are filed: cluster (-1: nowhere yet), bias a task, forward-decayed log count a half-life."""

    clusters_n: Ints
    bias_nt: Floats
    popularity_nh: Doubles
