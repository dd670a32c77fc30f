"""The softmax over the sampled columns of a batch: its loss, and its gradient in the same pass."""

from typing import Any, Final

import torch
from torch import Tensor

Cells = tuple[Tensor, Tensor, Tensor]
LOWEST: Final = -60.0  # below the row's best nothing counts; exp of -inf, and numbers too small to be normal, are slow


def sampled_softmax(
    users_rd: Tensor,
    vectors_cd: Tensor,
    bias_c: Tensor,
    terms_rc: Tensor,
    own_r: Tensor,
    weights_r: Tensor,
    cells: Cells,
) -> Tensor:
    """Σ_r weight_r · -log softmax_c(u·v + bias + terms)[own].

    Args:
        users_rd: user vectors of the positive rows.
        vectors_cd: item vectors, or their codes, of all columns.
        bias_c: item biases.
        terms_rc: from `column_terms`.
        own_r: column of each row's item.
        weights_r: weight of each row.
        cells: (rows, columns, amounts) added to single logits.
    """
    rows, columns, amounts = cells
    loss: Tensor = _SampledSoftmax.apply(
        users_rd, vectors_cd, bias_c, amounts, terms_rc, own_r, weights_r, rows, columns
    )
    return loss


class _SampledSoftmax(torch.autograd.Function):
    """Of a logit the gradient is weight · (softmax - [own]); with it computed at once, nothing (R, C) is kept."""

    @staticmethod
    def forward(
        ctx: Any,
        users: Tensor,
        vectors: Tensor,
        bias: Tensor,
        amounts: Tensor,
        terms: Tensor,
        own: Tensor,
        weights: Tensor,
        rows: Tensor,
        columns: Tensor,
    ) -> Tensor:
        ones, weight_r1, own_r1 = torch.ones_like(users[:, :1]), weights[:, None], own[:, None]
        users_1, vectors_1 = torch.cat((users, ones), dim=1), torch.cat((vectors, bias[:, None]), dim=1)
        logits = torch.addmm(terms, users_1, vectors_1.T)  # u·v + bias in one product
        cells = rows * len(vectors) + columns
        logits.view(-1).scatter_add_(0, cells, amounts)
        logits -= logits.amax(dim=1, keepdim=True)
        of_own = logits.gather(1, own_r1)
        gradient = logits.clamp_(min=LOWEST).exp_()
        total = gradient.sum(dim=1, keepdim=True)
        loss = ((total.log() - of_own) * weight_r1).sum()
        gradient *= weight_r1 / total
        gradient.scatter_add_(1, own_r1, -weight_r1)
        of_vectors = gradient.T @ users_1
        ctx.save_for_backward(gradient @ vectors, of_vectors[:, :-1], of_vectors[:, -1], gradient.view(-1)[cells])
        return loss

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        return (*(outer[0] * gradient for gradient in ctx.saved_tensors), None, None, None, None, None)
