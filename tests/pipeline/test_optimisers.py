"""Adam."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import RestoreError
from pipeline.optimisers import Adam
from tests.reference import optimisers as reference


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=10))
@settings(deadline=None)
def test_follows_the_reference(gradients: list[float]) -> None:
    value = torch.tensor([1.0], requires_grad=True)
    adam = Adam({"x": value}, 0.01)
    for gradient in gradients:
        value.grad = torch.tensor([gradient])
        adam.step()
    assert value.item() == pytest.approx(reference.adam(1.0, gradients, 0.01), abs=1e-5)
    assert value.grad is None


@pytest.mark.parametrize("parts", [1, 4, 64])
def test_short_batches_move_as_far_as_full_ones_of_the_same_events(parts: int) -> None:
    value = torch.zeros(1, requires_grad=True)
    adam = Adam({"x": value}, 0.01)
    for _ in range(20 * parts):
        value.grad = torch.tensor([3.0 / parts])
        adam.step(share=1 / parts)
    assert value.item() == pytest.approx(-20 * 0.01, rel=1e-3)


def test_goes_on_from_its_state() -> None:
    rng = np.random.default_rng(0)
    values = [torch.ones(3, 2, requires_grad=True) for _ in range(2)]
    still = torch.zeros(1)
    one, other = (Adam({"x": value, "still": still}, 0.01) for value in values)
    for step in range(6):
        if step == 3:
            with torch.no_grad():
                values[1].copy_(values[0])
            other.restore(one.state())
        gradient = torch.from_numpy(rng.normal(size=(3, 2)).astype(np.float32))
        for value, adam in zip(values, (one, other), strict=True):
            if adam is one or step >= 3:
                value.grad = gradient.clone()
                adam.step()
    assert torch.equal(values[0], values[1])
    assert still.item() == 0


def test_state_that_does_not_fit_is_refused() -> None:
    adam = Adam({"x": torch.zeros(2)}, 0.01)
    with pytest.raises(RestoreError, match=r"adam\.x"):
        adam.restore({})
    with pytest.raises(RestoreError, match=r"adam\.x"):
        adam.restore({"adam.x": np.zeros((2, 3), np.float32)})
