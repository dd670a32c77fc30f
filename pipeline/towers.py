"""The nets: inputs of one side to vectors."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.config import ModelConfig
from pipeline.layout import item_layout, user_layout


class Tower(nn.Module):
    """x → A x + B relu(C x): a linear way that learns fast on few events, beside a hidden layer that learns more."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.skip = nn.Linear(inputs, outputs)
        self.hidden = nn.Linear(inputs, hidden)
        self.out = nn.Linear(hidden, outputs, bias=False)
        nn.init.normal_(self.out.weight, std=0.02)

    def forward(self, inputs_bi: Tensor) -> Tensor:
        """(B, inputs) to (B, outputs)."""
        hidden_bh = torch.relu(F.linear(inputs_bi, self.hidden.weight, self.hidden.bias))
        skipped = F.linear(inputs_bi, self.skip.weight, self.skip.bias)
        return skipped + F.linear(hidden_bh, self.out.weight)


class UserTower(nn.Module):
    """Inputs of `user_layout` (B, I) to one unit vector a task, u (B, T, d)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.shape = (config.n_tasks, config.dim)
        self.net = Tower(user_layout(config).width, config.hidden, config.n_tasks * config.dim)

    def forward(self, inputs_bi: Tensor) -> Tensor:
        """u (B, T, d)."""
        return F.normalize(self.net.forward(inputs_bi).view(-1, *self.shape), dim=-1)


class ItemTower(nn.Module):
    """Inputs of `item_layout` (N, I) and the ids' own biases (N, T) to a unit vector v (N, d) and a bias a task."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dim = config.dim
        self.net = Tower(item_layout(config).width, config.hidden, config.dim + config.n_tasks)

    def forward(self, inputs_ni: Tensor, id_bias_nt: Tensor) -> tuple[Tensor, Tensor]:
        """v (N, d) and bias (N, T)."""
        outputs = self.net.forward(inputs_ni)
        return F.normalize(outputs[:, : self.dim], dim=-1), outputs[:, self.dim :] + id_bias_nt
