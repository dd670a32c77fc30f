"""What the ranking step asks of a ranker, and the two that multiply vectors."""

from typing import Protocol

import torch
from torch import Tensor, nn

from pipeline.arrays import Floats
from pipeline.config import ModelConfig
from pipeline.gather import Gathered
from pipeline.inputs import SideInputs


class Towers(Protocol):
    """What rankers need of the model that they belong to."""

    config: ModelConfig
    towers: nn.ModuleDict
    device: torch.device

    def item_forward(self, tower: str, side: SideInputs, gathered: Gathered) -> tuple[Tensor, Tensor]:
        """v (N, d) and bias (N, T)."""

    def user_forward(self, tower: str, side: SideInputs, gathered: Gathered) -> Tensor:
        """u (B, T, d)."""


class Ranker(Protocol):
    """Each side by itself first, so that items can be kept as long as a version lasts; then users with candidates.

    Attributes:
        item_width: of the vectors of items, I.
        cost: candidates that vectors alone score while this ranker scores one, about.
    """

    item_width: int
    cost: int

    def items(self, side: SideInputs, gathered: Gathered) -> tuple[Tensor, Tensor]:
        """What is kept of items: vectors (N, I) and biases (N, T)."""

    def users(self, side: SideInputs, gathered: Gathered) -> Tensor:
        """What is kept of users, (B, ...)."""

    def scores(self, user: Floats, items: tuple[Floats, Floats], prior_n: Floats) -> Floats:
        """Scores of candidates for one user, (T, N)."""


class DotRanker:
    """u·v + bias + gamma log p: by the vectors of the index, or by those of towers of its own."""

    def __init__(self, model: Towers, prefix: str = "") -> None:
        """`prefix`: of the names of its towers."""
        self.item_width, self.cost = model.config.dim, 1
        self._model, self._prefix = model, prefix

    def items(self, side: SideInputs, gathered: Gathered) -> tuple[Tensor, Tensor]:
        """v and biases."""
        return self._model.item_forward(f"{self._prefix}item", side, gathered)

    def users(self, side: SideInputs, gathered: Gathered) -> Tensor:
        """u, (B, T, d)."""
        return self._model.user_forward(f"{self._prefix}user", side, gathered)

    def scores(self, user: Floats, items: tuple[Floats, Floats], prior_n: Floats) -> Floats:
        """The products of u and v, with what does not depend on the user."""
        v_nd, bias_nt = items
        scores: Floats = user @ v_nd.T + bias_nt.T + prior_n
        return scores
