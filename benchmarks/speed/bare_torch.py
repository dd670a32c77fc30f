"""What a user would write instead of a learner: two towers in plain PyTorch, one loss, no index."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Shapes(NamedTuple):
    """B rows, C columns, and the widths of the nets; `vocabularies` of the features of each side, ids first."""

    batch: int
    columns: int
    users: Sequence[int]
    items: Sequence[int]
    history: int
    id_dim: int = 64
    hidden: int = 128
    dim: int = 64


class BareTwoTowers:
    """Embedding tables with sparse gradients, two nets with a hidden layer, a softmax over the batch's items.

    Everything is numbered and on its way to the loss as tensors before the clock starts: it reads no JSON, looks up no
    id, follows no history, and files and publishes nothing.
    """

    def __init__(self, shapes: Shapes, seed: int = 0) -> None:
        torch.manual_seed(seed)
        torch.sparse.check_sparse_tensor_invariants.disable()  # type: ignore[no-untyped-call]  # as is the default
        self._shapes = shapes
        self._users = nn.ModuleList(nn.EmbeddingBag(n, shapes.id_dim, sparse=True, mode="sum") for n in shapes.users)
        self._items = nn.ModuleList(nn.EmbeddingBag(n, shapes.id_dim, sparse=True, mode="sum") for n in shapes.items)
        self._history = nn.EmbeddingBag(shapes.items[0], shapes.id_dim, sparse=True, mode="mean")
        self._user_net = _net(shapes, len(shapes.users) + 1)
        self._item_net = _net(shapes, len(shapes.items))
        tables = nn.ModuleList([*self._users, *self._items, self._history])
        nets = nn.ModuleList([self._user_net, self._item_net])
        self._rows = torch.optim.Adagrad(tables.parameters(), lr=0.05)
        self._dense = torch.optim.Adam(nets.parameters(), lr=1e-3)

    def batches(self, n: int, seed: int = 0) -> list[tuple[Tensor, ...]]:
        """Random rows of every table, ready to be learned."""
        generator, s = torch.Generator().manual_seed(seed), self._shapes

        def rows(most: int, *shape: int) -> Tensor:
            return (torch.rand(shape, generator=generator) ** 2 * most).long()

        return [
            (
                *(rows(most, s.batch, 1) for most in s.users),
                rows(s.items[0], s.batch, s.history),
                *(rows(most, s.columns, 1) for most in s.items),
            )
            for _ in range(n)
        ]

    def run(self, batches: Sequence[tuple[Tensor, ...]]) -> None:
        """Learn some batches."""
        for batch in batches:
            self.step(batch)

    def step(self, batch: tuple[Tensor, ...]) -> None:
        """Forward, backward, both optimisers."""
        n = len(self._users)
        pooled = [table(rows) for table, rows in zip(self._users, batch[:n], strict=True)]
        u = F.normalize(self._user_net(torch.cat([*pooled, self._history(batch[n])], dim=1)), dim=1) / 0.3
        pooled = [table(rows) for table, rows in zip(self._items, batch[n + 1 :], strict=True)]
        v = F.normalize(self._item_net(torch.cat(pooled, dim=1)), dim=1)
        loss = F.cross_entropy(u @ v.T, torch.arange(len(u)) % len(v))
        self._rows.zero_grad()
        self._dense.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._rows.step()
        self._dense.step()


def _net(shapes: Shapes, tables: int) -> nn.Sequential:
    width = tables * shapes.id_dim
    return nn.Sequential(nn.Linear(width, shapes.hidden), nn.ReLU(), nn.Linear(shapes.hidden, shapes.dim))
