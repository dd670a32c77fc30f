"""Adagrad and Adam, one number at a time."""

import math
from collections.abc import Sequence


def adagrad_row(
    values: Sequence[float], square: float, gradients: Sequence[float], rate: float
) -> tuple[list[float], float]:
    square += sum(g * g for g in gradients) / len(gradients)
    return [v - rate * g / math.sqrt(square + 1e-10) for v, g in zip(values, gradients, strict=True)], square


def adam(value: float, gradients: Sequence[float], rate: float) -> float:
    first = second = 0.0
    for t, g in enumerate(gradients, start=1):
        first = 0.9 * first + 0.1 * g
        second = 0.999 * second + 0.001 * g * g
        value -= rate * (first / (1 - 0.9**t)) / (math.sqrt(second / (1 - 0.999**t)) + 1e-8)
    return value
