"""Settings of the model, name for name those of `pipeline.config`. Only the trainer needs them."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from pipeline.config import Feature, Kind, ModelConfig, Ranker, Side, Task, TaskKind
from schemas.section import Section


class FeatureSettings(Section):
    """One feature: of a user, an item or the context."""

    kind: Kind = Field(description="categorical: one value; multi: several; numeric: a number.")
    dim: int = Field(16, description="Width of its embedding; without meaning for numbers.")
    max_values: int = Field(8, description="Values read of a `multi` feature, the rest is ignored.")


class FeaturesSettings(Section):
    """Every feature by whose it is and its name."""

    user: dict[str, FeatureSettings] = Field(default_factory=dict, description="Features of the user.")
    item: dict[str, FeatureSettings] = Field(default_factory=dict, description="Features of the item.")
    context: dict[str, FeatureSettings] = Field(default_factory=dict, description="Features of the single exposure.")


class TaskSettings(Section):
    """One outcome to predict: a label of the exposures, positive when above 0."""

    kind: TaskKind = Field("binary", description="binary labels count as 1; value labels weigh log1p(min(label, cap)).")
    weight: float = Field(1.0, description="Factor of the task's loss.")
    eta: float = Field(1.0, description="Exponent of the reward in the codebook's moving average, (1 + h) ** eta.")
    cap: float = Field(1e6, description="Largest value counted of a `value` label.")


class ModelSettings(Section):
    """Hyper-parameters: everything two processes must agree on to compute the same scores."""

    dim: int = Field(64, description="Width of users, items and codes.")
    id_dim: int = Field(64, description="Width of the id embeddings.")
    hidden: int = Field(128, description="Width of the towers' hidden layer.")
    codes: int | Literal["auto"] = Field("auto", description="Clusters; auto: a power of two near 4 sqrt(items).")
    batch: int = Field(1024, description="Exposures a training step.")
    tau: float = Field(0.3, description="Temperature of user times item, as it begins.")
    tau_rate: float = Field(0.02, description="Learning rate of the temperature; 0: it stays as it is.")
    repeat_rate: float = Field(0.05, description="Learning rate of what repeats are worth; 0: nothing.")
    gamma: float = Field(1.0, description="Weight of the item's popularity, log p, in every score.")
    alpha: float | None = Field(None, description="Decay of the codebook a full batch; unset: from batch and codes.")
    beta: float = Field(
        0.25, description="Exponent of the item interval in the moving average: above 0 rare items count more."
    )
    disturbance: float = Field(2.0, description="Codes with less than 1/s of the mean mass attract.")
    crowding: float = Field(
        0.5, description="Exponent with which codes of more than the mean mass repel; 0: not at all."
    )
    hysteresis: float = Field(0.02, description="Share by which another code must be nearer than the present one.")
    uniform_share: float = Field(0.25, description="Uniform catalogue items a batch, as a share of a full one.")
    uniform_mass: float = Field(
        1.0, description="Mass that they bring to their codes, as a share of what the batch's exposures bring."
    )
    log_q: bool = Field(default=True, description="Correct the losses for how likely an item was to be a negative.")
    same_user_mask: bool = Field(
        default=True, description="Other items of a user in the batch are no negatives of theirs."
    )
    same_cluster_mask: bool = Field(
        default=False, description="Other items of an item's cluster are no negatives of the loss on its code."
    )
    aux_weight: float = Field(1.0, description="Weight of the loss on the item vector.")
    ind_weight: float = Field(1.0, description="Weight of the loss on its code.")
    sim_weight: float = Field(0.0, description="Weight of the commitment loss.")
    admit_after: int = Field(2, description="Sightings until an id has an embedding of its own.")
    id_dropout: float = Field(0.15, description="Share of training rows that see features only.")
    history: int = Field(
        200,
        description="Latest positives kept of a user: their items have a bonus or a malus. With ids of 20 letters some"
        " 30 bytes each in the histories table, 120 in the memory of a server.",
    )
    tower_history: int = Field(20, description="Latest of these that the towers read; their speed depends on it.")
    recency: float = Field(
        5.0, description="Positives after which the weight has halved in the mean of the latest few."
    )
    expire_after: int = Field(20_000_000, description="Training events after which an id not seen is forgotten.")
    half_lives: tuple[float, ...] = Field(
        (2_000.0, 8_000.0, 32_000.0, 128_000.0),
        description="Of the popularity counts, in training events; the stream chooses among them.",
    )
    initial_count: float = Field(0.5, description="Exposures a new item is taken to have had.")
    start_steps: int = Field(10, description="The codebook starts after so many full batches,")
    start_exposures: int = Field(5, description="and so many distinct items a code,")
    start_latest: int = Field(500, description="once items come again; at the latest after so many full batches.")
    interval_rate: float = Field(0.05, description="Step size of the item intervals.")
    interval_max: float = Field(1e5, description="Largest item interval, in batches.")
    dense_rate: float = Field(1e-3, description="Learning rate of Adam, for the towers.")
    row_rate: float = Field(0.05, description="Learning rate of row-wise Adagrad, for the ids.")
    ranker: Ranker = Field(
        "index",
        description="index: candidates are ranked by the index's own vectors; two_tower: by others;"
        " attention: by attention over the history, which costs more than half of the speed of training.",
    )
    rank_history: int = Field(20, description="Latest positives that attention reads, at most history.")
    rank_negatives: int = Field(8, description="Negatives a positive row, for attention.")
    rank_rate: float = Field(3e-3, description="Learning rate of attention.")
    rank_label_weight: float = Field(
        1.0, description="Weight of the exposures' own labels beside the negatives, for attention."
    )
    history_debias: bool = Field(
        default=False,
        description="Attention does not read what is in the five largest clusters of the history, but older positives.",
    )
    seed: int = Field(0, description="Start of every random choice.")


def build_config(model: ModelSettings, features: FeaturesSettings, tasks: Mapping[str, TaskSettings]) -> ModelConfig:
    """The model that these sections describe; pipeline.errors.ConfigError says which value is out of range."""
    sides: tuple[tuple[Side, dict[str, FeatureSettings]], ...] = (
        ("user", features.user),
        ("item", features.item),
        ("context", features.context),
    )
    return ModelConfig(
        tasks=tuple(Task(name=name, **task.model_dump()) for name, task in tasks.items()),
        features=tuple(
            Feature(name=name, side=side, **feature.model_dump())
            for side, named in sides
            for name, feature in named.items()
        ),
        **model.model_dump(),
    )
