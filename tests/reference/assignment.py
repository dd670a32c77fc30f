"""The assignment rule, one vector and one code at a time."""

import math
from typing import Any

Rows = Any


def disturbance(counts_k: Rows, threshold: float, crowding: float) -> list[float]:
    mean = sum(float(count) for count in counts_k) / len(counts_k)
    shares = [float(count) / mean for count in counts_k]
    return [min(threshold * share, 1.0) * (share**crowding if share > 1 else 1.0) for share in shares]


def distances(vector_d: Rows, codes_kd: Rows, disturbance_k: Rows, present: int, hysteresis: float) -> list[float]:
    found = []
    for k, code in enumerate(codes_kd):
        distance = math.sqrt(sum((float(a) - float(b)) ** 2 for a, b in zip(vector_d, code, strict=True)))
        distance *= float(disturbance_k[k])
        found.append(distance * (1 - hysteresis) if k == present else distance)
    return found
