"""Weighted sums of rows, and where their gradients go."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from pipeline.arrays import Floats, Longs
from pipeline.native import native


def row_sums(values_ud: Tensor, places_nw: Tensor, weights_nw: Tensor | None, columns: slice) -> Tensor:
    """Σ_w weight · value[place], (n, columns); weight 0 is padding, no weights are ones.

    >>> row_sums(torch.eye(3), torch.tensor([[2, 0]]), torch.tensor([[0.5, 2.0]]), slice(0, 3)).tolist()
    [[2.0, 0.0, 0.5]]
    """
    if not values_ud.requires_grad and weights_nw is None and places_nw.shape[1] == 1:
        return values_ud[places_nw[:, 0], columns]
    weights = torch.ones_like(places_nw, dtype=values_ud.dtype) if weights_nw is None else weights_nw
    if values_ud.requires_grad and values_ud.device.type == "cpu":
        sums: Tensor = _RowSums.apply(values_ud, places_nw, weights, columns)
        return sums
    return _bag(values_ud, places_nw, weights, columns)


class _RowSums(torch.autograd.Function):
    """torch's own gradient sorts all places first, and that takes longer than everything else about the sums."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, places: Tensor, weights: Tensor, columns: slice) -> Tensor:
        ctx.save_for_backward(places, weights)
        ctx.shape, ctx.columns = values.shape, columns
        return _bag(values, places, weights, columns)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        places, weights = (part.contiguous().numpy() for part in ctx.saved_tensors)
        gradients = torch.zeros(ctx.shape)
        _scatter(outer[0].contiguous().numpy(), places, weights, ctx.columns.start, gradients.numpy())
        return gradients, None, None, None


def _bag(values_ud: Tensor, places_nw: Tensor, weights_nw: Tensor, columns: slice) -> Tensor:
    return F.embedding_bag(places_nw, values_ud[:, columns].contiguous(), mode="sum", per_sample_weights=weights_nw)


@native
def _scatter(sums_nd: Floats, places_nw: Longs, weights_nw: Floats, begin: int, values_ud: Floats) -> None:
    dim = sums_nd.shape[1]
    for n in range(places_nw.shape[0]):
        row = sums_nd[n]
        for w in range(places_nw.shape[1]):
            weight = weights_nw[n, w]
            if weight != 0:
                into = values_ud[places_nw[n, w], begin : begin + dim]
                for d in range(dim):
                    into[d] += weight * row[d]
