"""The sampled softmax: value and every gradient against what autograd makes of its formula."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from pipeline.sampled_softmax import sampled_softmax


def _by_autograd(
    users: Tensor, vectors: Tensor, bias: Tensor, terms: Tensor, own: Tensor, weights: Tensor, amounts_rc: Tensor
) -> Tensor:
    logits = users @ vectors.T + bias + terms + amounts_rc
    return (F.cross_entropy(logits, own, reduction="none") * weights).sum()


@given(st.integers(1, 20), st.integers(1, 15), st.floats(0, 1), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_value_and_gradients_are_those_of_the_formula(rows: int, columns: int, masked: float, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    users, vectors, bias = (torch.randn(*shape, generator=draw) for shape in ((rows, 4), (columns, 4), (columns,)))
    terms = torch.randn(rows, columns, generator=draw)
    own = torch.randint(columns, (rows,), generator=draw)
    hidden = torch.rand(rows, columns, generator=draw) < masked
    hidden[torch.arange(rows), own] = False
    terms[hidden] = -torch.inf
    weights = torch.rand(rows, generator=draw)
    cells = (torch.rand(rows, columns, generator=draw) < 0.3).nonzero().unbind(dim=1)
    amounts = torch.randn(len(cells[0]), generator=draw)
    inputs = [part.requires_grad_() for part in (users, vectors, bias, amounts)]

    loss = sampled_softmax(users, vectors, bias, terms, own, weights, (cells[0], cells[1], amounts))
    given_gradients = torch.autograd.grad(3 * loss, inputs)
    amounts_rc = torch.zeros(rows, columns).index_put(cells, amounts)
    formula = _by_autograd(users, vectors, bias, terms, own, weights, amounts_rc)
    gradients = torch.autograd.grad(3 * formula, inputs)

    assert loss.item() == pytest.approx(formula.item(), rel=1e-5, abs=1e-5)
    for of_loss, of_formula in zip(given_gradients, gradients, strict=True):
        torch.testing.assert_close(of_loss, of_formula, rtol=1e-4, atol=1e-5)


def test_scores_far_apart_do_not_overflow() -> None:
    users = torch.tensor([[200.0], [-200.0]], requires_grad=True)
    nothing = torch.zeros(0, dtype=torch.int64)
    loss = sampled_softmax(
        users, torch.tensor([[1.0], [-1.0]]), torch.zeros(2), torch.zeros(2, 2), torch.tensor([0, 0]), torch.ones(2),
        (nothing, nothing, torch.zeros(0)),
    )  # fmt: skip
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(400.0)
    assert users.grad is not None
    assert users.grad.flatten().tolist() == pytest.approx([0.0, -2.0])
