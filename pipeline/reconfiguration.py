"""What becomes of a model that has learnt something when its configuration changes."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from enum import StrEnum

from pipeline.config import Feature, ModelConfig, Task


class Effect(StrEnum):
    """What a change needs, the mildest first."""

    SAFE = "safe"
    KEPT = "kept"
    RESET = "reset"
    EPOCH = "epoch"


MEANING = {
    Effect.SAFE: "taken up at the trainer's next start",
    Effect.KEPT: "migrate: everything learnt stays, what is new begins as in a new model",
    Effect.RESET: "migrate: what belonged to it is lost or begins anew, everything else stays",
    Effect.EPOCH: "a new prefix: what was learnt does not fit",
}

_EFFECTS = {
    # Every score is a product of vectors of these widths, and cluster ids are the codes' places: another number of them
    # would make ids mean something else to whoever still holds rows of before.
    Effect.EPOCH: {"dim", "id_dim", "hidden", "codes", "half_lives"},
    Effect.RESET: {"ranker"},
    Effect.KEPT: {"rank_history"},
    # Numbers that training and scoring read; no stored shape or value rests on them.
    Effect.SAFE: {
        "batch", "tau", "gamma", "alpha", "beta", "disturbance", "crowding", "hysteresis", "uniform_share",
        "uniform_mass", "log_q", "same_user_mask", "same_cluster_mask", "aux_weight", "ind_weight", "sim_weight",
        "admit_after", "id_dropout", "history", "tower_history", "recency", "expire_after", "initial_count",
        "start_steps", "start_exposures", "start_latest", "interval_rate", "interval_max", "dense_rate", "row_rate",
        "tau_rate", "repeat_rate", "rank_negatives", "rank_rate", "rank_label_weight", "history_debias", "seed",
    },
}  # fmt: skip
EFFECT_OF_SETTING = {name: effect for effect, names in _EFFECTS.items() for name in names}
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that differs.

    Attributes:
        setting: as in the settings file, `model.dim` or `features.item.price`.
        before: in the stored model; `nothing` where it has none.
        after: in the settings.
        kept, lost: what becomes of what was learnt.
    """

    setting: str
    before: str
    after: str
    effect: Effect
    kept: str
    lost: str = NOTHING

    def __str__(self) -> str:
        return f"{self.setting} is {self.after} in the settings, {self.before} in the stored model"


def arranged(wanted: ModelConfig, stored: ModelConfig) -> ModelConfig:
    """The wanted configuration with tasks and features in the stored order, new ones behind them.

    Their order means nothing to whoever writes settings; columns of towers and biases in rows follow it.
    """
    tasks = [task.name for task in stored.tasks]
    features = [feature.table for feature in stored.features]
    return replace(
        wanted,
        tasks=tuple(sorted(wanted.tasks, key=lambda task: _place(task.name, tasks))),
        features=tuple(sorted(wanted.features, key=lambda feature: _place(feature.table, features))),
    )


def changes_between(stored: ModelConfig, wanted: ModelConfig) -> list[Change]:
    """Every setting that differs, whatever the order of tasks and features."""
    return [*_of_model(stored, wanted), *_of_tasks(stored, wanted), *_of_features(stored, wanted)]


def _place(name: str, stored: list[str]) -> int:
    return stored.index(name) if name in stored else len(stored)


def _of_model(stored: ModelConfig, wanted: ModelConfig) -> Iterator[Change]:
    for entry in fields(ModelConfig):
        before, after = getattr(stored, entry.name), getattr(wanted, entry.name)
        if entry.name in EFFECT_OF_SETTING and before != after:
            effect = EFFECT_OF_SETTING[entry.name]
            kept, lost = _OF_EFFECT[effect]
            yield Change(f"model.{entry.name}", str(before), str(after), effect, kept, lost)


_OF_EFFECT = {
    Effect.SAFE: ("everything", NOTHING),
    Effect.KEPT: ("everything", NOTHING),
    Effect.RESET: ("index, embeddings and histories", "what the earlier ranker alone had learnt"),
    Effect.EPOCH: ("nothing", "the model and every placement"),
}


def _of_tasks(stored: ModelConfig, wanted: ModelConfig) -> Iterator[Change]:
    before, after = {task.name: task for task in stored.tasks}, {task.name: task for task in wanted.tasks}
    for name in [*before, *(after.keys() - before.keys())]:
        setting, old, new = f"tasks.{name}", before.get(name), after.get(name)
        if old is None and new is not None:
            kept = "everything; its vectors begin near the user's history, its biases at 0"
            yield Change(setting, NOTHING, new.kind, Effect.KEPT, kept)
        elif new is None and old is not None:
            yield Change(setting, old.kind, NOTHING, Effect.RESET, "other tasks", "vectors and biases of the task")
        elif old is not None and new is not None:
            yield from _tuned(setting, old, new)


def _of_features(stored: ModelConfig, wanted: ModelConfig) -> Iterator[Change]:
    before, after = {one.table: one for one in stored.features}, {one.table: one for one in wanted.features}
    for table in [*before, *sorted(after.keys() - before.keys())]:
        old, new = before.get(table), after.get(table)
        either = old or new
        assert either is not None  # noqa: S101 - it is in one of them
        setting = f"features.{either.side}.{either.name}"
        if old is None and new is not None:
            yield Change(setting, NOTHING, _shown(new), Effect.KEPT, "everything; its rows begin at 0")
        elif new is None and old is not None:
            yield Change(setting, _shown(old), NOTHING, Effect.RESET, "everything else", "its rows and weights")
        elif old is not None and new is not None and not same_input(old, new):
            lost = "its rows and weights, which begin anew"
            yield Change(setting, _shown(old), _shown(new), Effect.RESET, "everything else", lost)
        elif old is not None and new is not None:
            yield from _tuned(setting, old, new)


def same_input(old: Feature, new: Feature) -> bool:
    """Whether what was learnt of a feature fits it still."""
    if "numeric" in (old.kind, new.kind):
        return old.kind == new.kind
    return old.dim == new.dim


def _tuned(setting: str, old: Task | Feature, new: Task | Feature) -> Iterator[Change]:
    for entry in fields(old):
        before, after = getattr(old, entry.name), getattr(new, entry.name)
        if before != after:
            yield Change(f"{setting}.{entry.name}", str(before), str(after), Effect.SAFE, "everything")


def _shown(feature: Feature) -> str:
    return feature.kind if feature.kind == "numeric" else f"{feature.kind}, dim {feature.dim}"
