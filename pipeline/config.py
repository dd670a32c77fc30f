"""What the model is made of and every number it is trained with."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal, Self, TypeVar, get_args, get_origin

from pipeline.errors import ConfigError, UnknownSettingError
from pipeline.signals import Feature, Kind, Side, Task, TaskKind, require

Ranker = Literal["index", "two_tower", "attention"]

SMALLEST_CODEBOOK, LARGEST_CODEBOOK = 64, 16_384
FORMAT = 1  # of a configuration that is written down
MOST, MOST_FEATURES = 64, 256
LARGEST_CODES = 1 << 28  # numbers in the codes, 1 GiB of them

__all__ = ["Feature", "Kind", "ModelConfig", "Ranker", "Side", "Task", "TaskKind"]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything two processes must agree on to compute the same scores.

    Attributes:
        dim: d, of users, items and codes.
        id_dim: width of the id embeddings.
        hidden: width of the towers' hidden layer.
        codes: K, or `auto`: a power of two near 4 sqrt(items), fixed when the codebook starts.
        batch: B, exposures a training step.
        tau: temperature of u·v to begin with; it is learned.
        gamma: weight of log p in every score.
        alpha: decay of the codebook a full batch; None: 1 - alpha = clip(B / (40 K), .003, .1).
        beta: exponent of the item interval in the moving average; above 0 rare items count more.
        disturbance: s, codes with less than 1/s of the mean mass attract.
        crowding: exponent with which codes of more than the mean mass repel; 0: not at all.
        hysteresis: share by which another code must be nearer than the present one.
        uniform_share: uniform catalogue items a batch, as a share of B.
        uniform_mass: mass that they bring to their codes, as a share of what the exposures of the batch bring.
        log_q: correct the losses for how likely a column was to be drawn.
        same_user_mask: what else the row's user has in the batch is no negative.
        same_cluster_mask: what else is in the item's cluster is no negative of the loss on codes; only to show that
            this loss balances clusters by these negatives.
        aux_weight, ind_weight, sim_weight: weights of the losses on v, on its code, and of commitment.
        admit_after: sightings until an id has a row of its own.
        id_dropout: share of training rows that see features only.
        history: latest positives kept of a user: their items have a bonus or a malus.
        tower_history: latest of these that the towers read.
        recency: positives after which the weight has halved in the mean of the latest few.
        expire_after: training events after which an id not seen is forgotten.
        half_lives: of the popularity counts, in training events; the stream chooses among them.
        initial_count: exposures a new item is taken to have had.
        start_steps, start_exposures, start_latest: the codebook starts after `start_steps` full batches and
            `start_exposures` distinct items a code (or half of a smaller catalogue), once items are exposed twice on
            average or five times `start_steps` have passed; at the latest after `start_latest` steps.
        interval_rate, interval_max: step size and largest value of the item intervals, in batches.
        dense_rate, row_rate: learning rates of Adam and of row-wise Adagrad.
        tau_rate, repeat_rate: learning rates of the temperature and of what repeats are worth; 0: fixed.
        ranker: score candidates with the index's own vectors, with towers of their own, or with attention over the
            history, which costs more than half of the speed of training.
        rank_history: latest positives that attention reads of the `history`.
        rank_negatives: drawn for a positive row, for attention.
        rank_rate: learning rate of attention.
        rank_label_weight: weight of the exposures' own labels beside the negatives, for attention.
        history_debias: attention does not read what is in the five largest clusters of the `history`.
    """

    tasks: tuple[Task, ...]
    features: tuple[Feature, ...] = ()
    dim: int = 64
    id_dim: int = 64
    hidden: int = 128
    codes: int | Literal["auto"] = "auto"
    batch: int = 1024
    tau: float = 0.3
    gamma: float = 1.0
    alpha: float | None = None
    beta: float = 0.25
    disturbance: float = 2.0
    crowding: float = 0.5
    hysteresis: float = 0.02
    uniform_share: float = 0.25
    uniform_mass: float = 1.0
    log_q: bool = True
    same_user_mask: bool = True
    same_cluster_mask: bool = False
    aux_weight: float = 1.0
    ind_weight: float = 1.0
    sim_weight: float = 0.0
    admit_after: int = 2
    id_dropout: float = 0.15
    history: int = 200
    tower_history: int = 20
    recency: float = 5.0
    expire_after: int = 20_000_000
    half_lives: tuple[float, ...] = (2_000.0, 8_000.0, 32_000.0, 128_000.0)
    initial_count: float = 0.5
    start_steps: int = 10
    start_exposures: int = 5
    start_latest: int = 500
    interval_rate: float = 0.05
    interval_max: float = 1e5
    dense_rate: float = 1e-3
    row_rate: float = 0.05
    tau_rate: float = 0.02
    repeat_rate: float = 0.05
    ranker: Ranker = "index"
    rank_history: int = 20
    rank_negatives: int = 8
    rank_rate: float = 3e-3
    rank_label_weight: float = 1.0
    history_debias: bool = False
    seed: int = 0
    version: int = FORMAT

    def __post_init__(self) -> None:
        require(self.version == FORMAT, f"configuration version {self.version} is not known: update streamvq")
        require(len(self.tasks) > 0, "at least one task is needed")
        require(len(self.tasks) <= MOST, f"at most {MOST} tasks are possible")
        require(len(self.features) <= MOST_FEATURES, f"at most {MOST_FEATURES} features are possible")
        _unique("task", [task.name for task in self.tasks])
        _unique("feature", [feature.table for feature in self.features])
        for name in ("dim", "id_dim", "hidden"):
            require(1 <= getattr(self, name) <= 4096, f"{name} must be within 1..4096")
        require(self.codes == "auto" or 1 <= self.codes <= 1 << 20, "codes must be 'auto' or within 1..1048576")
        require(self.codes == "auto" or self.codes * self.dim <= LARGEST_CODES, "codes · dim must be at most 2**28")
        require(1 <= self.batch <= 1 << 16, "batch must be within 1..65536")
        for name in ("history", "tower_history", "rank_history", "rank_negatives"):
            require(1 <= getattr(self, name) <= 1000, f"{name} must be within 1..1000")
        require(self.id_dim % 4 == 0 or self.ranker != "attention", "id_dim must divide by 4 for attention")
        require(self.admit_after >= 1 and self.expire_after >= self.batch, "admit_after >= 1, expire_after >= batch")
        for name in (
            "tau",
            "disturbance",
            "interval_max",
            "initial_count",
            "recency",
            "dense_rate",
            "row_rate",
            "rank_rate",
        ):
            require(0 < getattr(self, name) < math.inf, f"{name} must be above 0 and finite")
        for name in (
            "gamma",
            "beta",
            "crowding",
            "uniform_share",
            "uniform_mass",
            "aux_weight",
            "ind_weight",
            "sim_weight",
            "rank_label_weight",
            "tau_rate",
            "repeat_rate",
        ):
            require(0 <= getattr(self, name) < math.inf, f"{name} must be finite and not negative")
        for name in ("hysteresis", "id_dropout"):
            require(0 <= getattr(self, name) < 1, f"{name} must be within 0..1, without 1")
        require(0 < self.interval_rate <= 1, "interval_rate must be above 0 and at most 1")
        require(self.alpha is None or 0 < self.alpha < 1, "alpha must be between 0 and 1, or absent")
        require(0 <= self.start_steps <= self.start_latest, "start_steps must be within 0..start_latest")
        require(self.start_exposures >= 1, "start_exposures must be at least 1")
        require(1 <= len(self.half_lives) <= MOST, f"half_lives: from one to {MOST}")
        require(all(1 <= one < math.inf for one in self.half_lives), "half_lives: each at least 1, and finite")
        require(self.ranker in get_args(Ranker), f"ranker {self.ranker!r} is none of {get_args(Ranker)}")
        require(0 <= self.seed < 1 << 63, "seed must be within 0..2**63-1")

    @property
    def n_tasks(self) -> int:
        """T, the number of tasks."""
        return len(self.tasks)

    @property
    def uniform_draws(self) -> int:
        """Uniform catalogue items a batch, as many for a short one as for a full one."""
        return round(self.uniform_share * self.batch)

    def side(self, *sides: Side) -> tuple[Feature, ...]:
        """The features of these sides, in the order configured."""
        return tuple(feature for feature in self.features if feature.side in sides)

    def codes_for(self, items: int) -> int:
        """K for a catalogue of this size: the power of two nearest to 4 sqrt(items) on a log scale, or the number set.

        The least that Faiss's guide to choosing an index gives for inverted files; by the root, so that a catalogue
        which goes on growing after the start outgrows its codes slowly.

        >>> ModelConfig(tasks=(Task("click"),)).codes_for(10_000)
        512
        """
        if self.codes != "auto":
            return self.codes
        nearest = 1 << round(math.log2(4 * math.sqrt(max(items, 1))))
        return min(max(nearest, SMALLEST_CODEBOOK), LARGEST_CODEBOOK)

    def alpha_for(self, codes: int) -> float:
        """Decay of a full batch for K codes (method, section 0.4)."""
        if self.alpha is not None:
            return self.alpha
        return 1.0 - min(max(self.batch / (40 * codes), 0.003), 0.1)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; `from_dict` reads it back."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The configuration `to_dict` wrote, here or in an earlier release: settings that it lacks have their defaults.

        Raises:
            UnknownSettingError: a name is unknown.
            ConfigError: a name is missing, or a value out of range.
        """
        values = dict(data)
        values["tasks"] = tuple(_build(Task, task) for task in values.get("tasks", ()))
        values["features"] = tuple(_build(Feature, feature) for feature in values.get("features", ()))
        if "half_lives" in values:
            values["half_lives"] = tuple(map(_half_life, values["half_lives"]))
        return _build(cls, values)

    def hash(self) -> str:
        """16 hex digits that change with any setting."""
        return hash_of(self.to_dict())


def hash_of(plain: Mapping[str, Any]) -> str:
    """The hash of a configuration as `to_dict` wrote it, whatever settings there were then."""
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


Built = TypeVar("Built")


def _build(kind: type[Built], values: Mapping[str, Any]) -> Built:
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]  # always one of our dataclasses
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UnknownSettingError(f"{kind.__name__}: unknown setting {', '.join(unknown)}")
    needed = [name for name, entry in known.items() if entry.default is MISSING and name not in values]
    require(not needed, f"{kind.__name__}: {', '.join(needed)} is missing")
    for name, value in values.items():
        require(
            _fits(value, known[name].type),
            f"{kind.__name__}: {name} has the wrong type, or is beyond it: {value!r:.80}",
        )
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"{kind.__name__}: a value has the wrong type: {error}") from error


def _fits(value: object, wanted: Any) -> bool:
    """Whether a plain value is what a setting takes; what is in a tuple is looked at where it is made."""
    origin, options = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        return value in options
    if origin is tuple:
        return isinstance(value, tuple)
    if options:
        return any(_fits(value, option) for option in options)
    if type(value) is int:
        return wanted in {int, float} and abs(value) < 1 << 63
    return type(value) is wanted


def _half_life(value: object) -> float:
    require(_fits(value, float), f"half_lives: {value!r:.80} is no number")
    return float(value)  # type: ignore[arg-type]  # it is one


def _unique(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    require(not twice, f"{what} {', '.join(twice)} is configured twice")
