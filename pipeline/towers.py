"""The nets: inputs of one side to vectors."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.config import ModelConfig
from pipeline.layout import HISTORY_SLOTS, ITEM_SLOT, Layout, item_layout, user_layout


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
    """Inputs of `user_layout` (B, I) to one vector a task, u (B, T, d), all of the same length 1 / tau.

    The length is learned: what the towers know counts little as long as they know little, beside popularity.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.shape = (config.n_tasks, config.dim)
        self.net = Tower(user_layout(config).width, config.hidden, config.n_tasks * config.dim)
        self.log_length = nn.Parameter(torch.tensor(-math.log(config.tau)))

    def forward(self, inputs_bi: Tensor) -> Tensor:
        """u (B, T, d)."""
        return F.normalize(self.net.forward(inputs_bi).view(-1, *self.shape), dim=-1) * self.log_length.exp()


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


@torch.no_grad()
def begin_alike(user: UserTower, item: ItemTower, config: ModelConfig) -> None:
    """Let the items of a history count in u, at first, like the same items in v, and numbers not at all.

    What two random maps would have to learn is then true from the first event on: users are near what they liked.
    Numbers are the only inputs that are not 0 before anything was learned; through random weights they are noise.
    """
    of_users, of_items = user_layout(config), item_layout(config)
    own = item.net.skip.weight[: config.dim, of_items.columns(ITEM_SLOT)]
    for task in range(config.n_tasks):
        rows = slice(task * config.dim, (task + 1) * config.dim)
        for name in HISTORY_SLOTS:
            user.net.skip.weight[rows, of_users.columns(name)] = own / 2
    for net, layout in ((user.net, of_users), (item.net, of_items)):
        net.skip.weight[:, _numbers_from(layout) :] = 0


def _numbers_from(layout: Layout) -> int:
    return layout.width - 2 * len(layout.numbers)
