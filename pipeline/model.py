"""Everything inference needs: a replica that follows published parameters."""

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch

from pipeline.arrays import Doubles, Floats, Ints, Longs
from pipeline.changes import Array, Changes
from pipeline.codebook import Codebook
from pipeline.config import ModelConfig
from pipeline.embedding import EmbeddingTable
from pipeline.errors import RestoreError
from pipeline.features import Features
from pipeline.gather import Gathered
from pipeline.inputs import Encoded, Find, Inputs, SideInputs, UserInputs
from pipeline.layout import table_dims
from pipeline.popularity import initial_log_counts
from pipeline.ranker import build_ranker, build_towers
from pipeline.rankers.calibration import initial_calibration, probabilities
from pipeline.repeats import bonuses

MASS, ACTIVE, CLOCK = "popularity.mass", "popularity.active", "clock.events"
CALIBRATION = "calibration.values"
BONUS = "repeats.bonus_tb"
NUMBERS = {"user": "numbers.user", "item": "numbers.item"}
ModelSide = Literal["user", "item"]
BOTH: tuple[ModelSide, ...] = ("user", "item")


class ItemVectors(NamedTuple):
    """v (N, d), unit length, and a bias a task (N, T)."""

    v_nd: Floats
    bias_nt: Floats


class Model:
    """Towers, tables and codebook of one configuration. A score is u·v + bias + gamma log p.

    Items of the user's own history get what `repeats` says beside it.

    Not thread-safe. `sides` leaves out tables that a process does not read: an indexer needs ("item",).

    >>> from pipeline.config import Task
    >>> model = Model(ModelConfig(tasks=(Task("click"),), dim=4, id_dim=4))
    >>> model.items(["a"], [{}]).v_nd.shape, model.users(UserInputs(["u"])).shape
    ((1, 4), (1, 1, 4))
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        sides: Collection[ModelSide] = BOTH,
        device: str | torch.device = "cpu",
        strict: bool = True,
    ) -> None:
        """`strict`: refuse features of another type than configured, else they count as missing."""
        self.config = config
        self.device = torch.device(device)
        dims = table_dims(config, users="user" in sides, items="item" in sides)
        self.tables = {name: EmbeddingTable(name, dim) for name, dim in dims.items()}
        self.inputs = Inputs(config, strict=strict)
        self.codebook = Codebook(config.dim, config.disturbance, config.hysteresis, config.crowding)
        self.clock = 0
        self.log_mass_h: Doubles = initial_log_counts(config.half_lives, config.initial_count, 0)
        self.active_half_life = len(config.half_lives) // 2
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.towers = build_towers(config).to(self.device)
        self.ranker = build_ranker(self)
        self.calibration_t2 = initial_calibration(config.n_tasks)
        self._tensors = dict(self.towers.named_parameters())
        self._sides = frozenset(sides)

    def apply(self, parameters: Changes) -> None:
        """Follow published parameters; rows of tables and tensors that this model does not have are ignored.

        Raises:
            RestoreError: a shape does not fit the configuration.
        """
        for table, names in parameters.removed.items():
            if table in self.tables:
                self.tables[table].remove(names)
        for table, (names, values) in parameters.rows.items():
            if table in self.tables:
                self.tables[table].put(names, values)
        self.codebook.apply(parameters)
        self._apply_dense(parameters.dense)

    def dense(self) -> dict[str, Array]:
        """All dense parameters, as `apply` reads them."""
        tensors = {f"tower.{name}": value.detach().cpu().numpy().copy() for name, value in self._tensors.items()}
        return {
            **tensors,
            NUMBERS["user"]: self.inputs.user_numbers.moments_m3.copy(),
            NUMBERS["item"]: self.inputs.item_numbers.moments_m3.copy(),
            MASS: self.log_mass_h.copy(),
            ACTIVE: np.array([self.active_half_life], np.int64),
            CLOCK: np.array([self.clock], np.int64),
            CALIBRATION: self.calibration_t2.copy(),
        }

    def tensors(self) -> dict[str, torch.Tensor]:
        """The dense tensors that gradients move."""
        return dict(self._tensors)

    @torch.no_grad()
    def items(self, ids: Sequence[str], features: Sequence[Features] = ()) -> ItemVectors:
        """Vectors and biases of items, for the index."""
        return self._item_vectors("item", ids, features)

    @torch.no_grad()
    def encoded_items(self, encoded: Encoded, find: Find | None = None) -> ItemVectors:
        """The same of items that `inputs.encode_items` has read before; `find`: rows of ids, where they are known."""
        return self._vectors_of("item", encoded, find)

    @torch.no_grad()
    def users(self, inputs: UserInputs) -> Floats:
        """u of each user and task, (B, T, d), for the index."""
        return self._user_vectors("user", inputs)

    @torch.no_grad()
    def rank_items(self, ids: Sequence[str], features: Sequence[Features] = ()) -> ItemVectors:
        """Vectors and biases of items, for the ranking step; a version's results may be kept by item."""
        side = self.inputs.items(self.inputs.encode_items(ids, features), self._find)
        return _vectors(self.ranker.items(side, self._gathered(side)))

    @torch.no_grad()
    def rank_users(self, inputs: UserInputs) -> Floats:
        """What the ranker keeps of each user, for `scores`: (B, T, d), or flat (B, S)."""
        side = self.inputs.users(self.inputs.encode_users(inputs), self._find)
        users: Floats = self.ranker.users(side, self._gathered(side)).cpu().numpy()
        return users

    def assign(self, v_nd: Floats, present_n: Ints) -> Ints:
        """Clusters of item vectors, (N,); `present_n` is where they are now, -1 for nowhere."""
        return self.codebook.assign(v_nd, present_n)

    def coarse(self, u_td: Floats) -> Floats:
        """u·e of every code, (T, K); needs a codebook."""
        if self.codebook.codes_kd is None:
            return np.zeros((len(u_td), 0), np.float32)
        scores: Floats = u_td @ self.codebook.codes_kd.T
        return scores

    def fine(self, u_td: Floats, items: ItemVectors, log_share_n: Doubles) -> Floats:
        """u·v + bias + gamma log p, (T, N)."""
        prior_n = (self.config.gamma * log_share_n).astype(np.float32)
        scores: Floats = u_td @ items.v_nd.T + items.bias_nt.T + prior_n
        return scores

    def scores(self, user: Floats, items: ItemVectors, log_share_n: Doubles) -> Floats:
        """Scores of candidates by the ranker, (T, N), from what `rank_users` and `rank_items` gave."""
        return self.ranker.scores(user, items, (self.config.gamma * log_share_n).astype(np.float32))

    def probabilities(self, scores_tn: Floats) -> Doubles:
        """How likely each label is, given that the item is shown, (T, N), from the scores of the ranker."""
        return probabilities(self.calibration_t2, scores_tn)

    def rank(
        self, inputs: UserInputs, ids: Sequence[str], features: Sequence[Features], log_share_n: Doubles
    ) -> Floats:
        """Scores of candidates for one user, (T, N)."""
        return self.scores(self.rank_users(inputs)[0], self.rank_items(ids, features), log_share_n)

    def repeats(self, history: Sequence[str]) -> tuple[list[str], Floats]:
        """Distinct items of a user's history (oldest first) and what is added to their scores, (T, n)."""
        return bonuses(self.bonus_tb, history, self.config.history)

    @property
    def bonus_tb(self) -> Floats:
        """What repeats are worth, (T, buckets)."""
        bonus: Floats = self._tensors[BONUS].detach().cpu().numpy()
        return bonus

    def log_share(self, popularity_nh: Doubles) -> Doubles:
        """log p of items from their forward-decayed log counts (N, H), by the half-life in use."""
        active = self.active_half_life
        share: Doubles = popularity_nh[:, active] - self.log_mass_h[active]
        return share

    def initial_popularity(self) -> Doubles:
        """Forward-decayed log counts of an item published now, (H,)."""
        return initial_log_counts(self.config.half_lives, self.config.initial_count, self.clock)

    def item_forward(self, tower: str, side: SideInputs, gathered: Gathered) -> tuple[torch.Tensor, torch.Tensor]:
        """v (N, d) and bias (N, T) as tensors that carry gradients."""
        bias = gathered.rest(side.uses[0])
        v, bias_nt = self.towers[tower].forward(gathered.inputs(side.uses, side.numbers_nm), bias)
        return v, bias_nt

    def user_forward(self, tower: str, side: SideInputs, gathered: Gathered) -> torch.Tensor:
        """u (B, T, d) as a tensor that carries gradients."""
        u: torch.Tensor = self.towers[tower].forward(gathered.inputs(side.uses, side.numbers_nm))
        return u

    def _gathered(self, side: SideInputs) -> Gathered:
        return Gathered(self.tables, side.all_uses, self.device, learn=False)

    def _find(self, table: str, names: Sequence[str]) -> Longs:
        return self.tables[table].ids.find(names)

    def _item_vectors(self, tower: str, ids: Sequence[str], features: Sequence[Features]) -> ItemVectors:
        return self._vectors_of(tower, self.inputs.encode_items(ids, features))

    def _vectors_of(self, tower: str, encoded: Encoded, find: Find | None = None) -> ItemVectors:
        side = self.inputs.items(encoded, find or self._find)
        return _vectors(self.item_forward(tower, side, self._gathered(side)))

    def _user_vectors(self, tower: str, inputs: UserInputs) -> Floats:
        side = self.inputs.users(self.inputs.encode_users(inputs), self._find)
        u = self.user_forward(tower, side, self._gathered(side))
        vectors: Floats = u.cpu().numpy()
        return vectors

    def _apply_dense(self, dense: dict[str, Array]) -> None:
        for name, tensor in self._tensors.items():
            value = dense.get(f"tower.{name}")
            if value is None:
                continue
            if value.shape != tuple(tensor.shape):
                raise RestoreError(f"tower.{name} has shape {value.shape}, expected {tuple(tensor.shape)}")
            with torch.no_grad():
                tensor.copy_(torch.from_numpy(np.array(value)))
        for side, numbers in (("user", self.inputs.user_numbers), ("item", self.inputs.item_numbers)):
            if NUMBERS[side] in dense:
                numbers.restore(dense[NUMBERS[side]])
        if CALIBRATION in dense:
            self.calibration_t2 = np.array(dense[CALIBRATION], np.float64)
        if MASS in dense:
            self.log_mass_h = np.array(dense[MASS], np.float64)
        self.active_half_life = int(dense.get(ACTIVE, [self.active_half_life])[0])
        self.clock = int(dense.get(CLOCK, [self.clock])[0])


def _vectors(pair: tuple[torch.Tensor, torch.Tensor]) -> ItemVectors:
    return ItemVectors(*(part.cpu().numpy() for part in pair))
