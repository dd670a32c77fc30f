"""How gradients move parameters: row-wise Adagrad for id rows, Adam for dense tensors."""

from collections.abc import Mapping

import numpy as np
import torch

from pipeline.arrays import Doubles, Floats
from pipeline.changes import Array
from pipeline.errors import RestoreError

EPSILON = 1e-10


def adagrad(values_nd: Floats, squares_n: Doubles, gradients_nd: Floats, rate: float) -> tuple[Floats, Doubles]:
    """One row-wise Adagrad step: one accumulator a row, the sum of its mean squared gradients.

    Args:
        values_nd: rows touched, (n, d).
        squares_n: their accumulators.
        gradients_nd: their gradients.
        rate: learning rate.

    Returns:
        The new values and accumulators.
    """
    squares_n = squares_n + np.square(gradients_nd, dtype=np.float64).mean(axis=1)
    steps_n = rate / np.sqrt(squares_n + EPSILON)
    return values_nd - steps_n[:, None].astype(np.float32) * gradients_nd, squares_n


class Adam:
    """Adam (Kingma and Ba, 2015) over named tensors, with moments that can be written down and read back.

    Moments and rates are those of a full batch; a short one counts for its share of a step. Where gradients agree, the
    same events then move a tensor as far however they arrive; where they are mostly noise, short batches move it less.
    """

    def __init__(
        self, parameters: Mapping[str, torch.Tensor], rate: float, rates: Mapping[str, float] | None = None
    ) -> None:
        """`rates`: of tensors that learn at another one."""
        self.rate = rate
        self._rates = {} if rates is None else dict(rates)
        self.steps = 0.0
        self._parameters = dict(parameters)
        self._first = {name: torch.zeros_like(value) for name, value in self._parameters.items()}
        self._second = {name: torch.zeros_like(value) for name, value in self._parameters.items()}

    @torch.no_grad()
    def step(
        self, share: float = 1.0, first_decay: float = 0.9, second_decay: float = 0.999, epsilon: float = 1e-8
    ) -> None:
        """Move every tensor that has a gradient, and drop the gradients; `share`: of a full batch."""
        self.steps += share
        started, correction = 1 - first_decay**self.steps, (1 - second_decay**self.steps) ** -0.5
        first_kept, second_kept = first_decay**share, second_decay**share
        for name, value in self._parameters.items():
            if value.grad is None:
                continue
            first, second = self._first[name], self._second[name]
            first.lerp_(value.grad, 1 - first_kept)
            second.mul_(second_kept).addcmul_(value.grad, value.grad, value=1 - second_kept)
            rate = share * self._rates.get(name, self.rate)
            value.addcdiv_(first, second.sqrt().mul_(correction).add_(epsilon), value=-rate / started)
            value.grad = None

    def state(self) -> dict[str, Array]:
        """Both moments of every tensor, stacked, and the step count."""
        moments = {
            f"adam.{name}": torch.stack((self._first[name], self._second[name])).cpu().numpy()
            for name in self._parameters
        }
        return {**moments, "adam.steps": np.array([self.steps])}

    def restore(self, dense: Mapping[str, Array]) -> None:
        """Continue from what `state` returned.

        Raises:
            RestoreError: a tensor is missing or has another shape.
        """
        for name, value in self._parameters.items():
            stored = dense.get(f"adam.{name}")
            if stored is None or stored.shape != (2, *value.shape):
                raise RestoreError(f"adam.{name} is missing or has another shape than (2, {tuple(value.shape)})")
            moments = torch.from_numpy(np.array(stored)).to(value.device)
            self._first[name].copy_(moments[0])
            self._second[name].copy_(moments[1])
        self.steps = float(dense["adam.steps"][0])
