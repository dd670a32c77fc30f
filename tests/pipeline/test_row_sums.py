"""Sums of rows and their gradients, against the same sums written out."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.row_sums import row_sums


@given(st.integers(1, 12), st.integers(1, 5), st.booleans(), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_sums_and_gradients_are_those_of_the_formula(n: int, width: int, weighted: bool, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    values = torch.randn(7, 5, generator=draw, requires_grad=True)
    places = torch.randint(7, (n, width), generator=draw)
    weights = torch.rand(n, width, generator=draw) * (torch.rand(n, width, generator=draw) < 0.7) if weighted else None
    columns = slice(1, 4)

    sums = row_sums(values, places, weights, columns)
    factors = torch.ones(n, width) if weights is None else weights
    formula = (values[places][:, :, columns] * factors[:, :, None]).sum(dim=1)
    outer = torch.randn(n, 3, generator=draw)

    torch.testing.assert_close(sums, formula)
    torch.testing.assert_close(row_sums(values.detach(), places, weights, columns), sums.detach(), rtol=0, atol=0)
    (given_gradient,), (gradient,) = (torch.autograd.grad((each * outer).sum(), values) for each in (sums, formula))
    torch.testing.assert_close(given_gradient, gradient)
