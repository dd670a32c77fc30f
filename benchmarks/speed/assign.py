"""Items filed a second, beside a flat search of faiss over the same codes."""

from collections.abc import Iterator
from typing import Final

import faiss
import numpy as np
import torch

from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, rates
from benchmarks.speed.timing import THREAD, WALL, in_turn
from pipeline.arrays import Floats
from pipeline.assignment import assign, disturbance

DIM: Final = 64
CODES: Final = (1024, 4096, 16_384, 32_768)
PRODUCTS: Final = 1 << 25
"""Distances a repeat: about a second of one core."""


def measure(conditions: Conditions) -> list[Figure]:
    """Every K with one thread, and with all."""
    threads = torch.get_num_threads()
    try:
        return [*_figures(conditions, 1), *(_figures(conditions, threads) if threads > 1 else ())]
    finally:
        torch.set_num_threads(threads)
        faiss.omp_set_num_threads(threads)


def _figures(conditions: Conditions, threads: int) -> Iterator[Figure]:
    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    clock, suffix = (THREAD, "") if threads == 1 else (WALL, "_all_threads")
    rng = np.random.default_rng(0)
    for codes in CODES:
        items = PRODUCTS // codes
        codes_kd, vectors_nd = unit(rng, codes), unit(rng, items)
        factors_k = disturbance(rng.gamma(2.0, size=codes).astype(np.float32), 2.0, 0.5)
        present_n = rng.integers(-1, codes, items).astype(np.int32)
        flat = faiss.IndexFlatL2(DIM)
        flat.add(codes_kd)
        seconds = in_turn(
            {
                "ours": lambda: assign(vectors_nd, codes_kd, factors_k, present_n, 0.02),  # noqa: B023 - called at once
                "faiss": lambda: flat.search(vectors_nd, 1),  # noqa: B023
            },
            conditions.repeats(15),
            clock,
        )
        yield rates(
            f"assign_vs_faiss_{codes}{suffix}",
            f"assignment, {codes:,} codes, {threads} thread{'s' * (threads > 1)}",
            "faiss IndexFlatL2.search, as many threads",
            "items/s",
            (seconds["ours"], seconds["faiss"]),
            (items, items),
            {
                "codes": codes,
                "dim": DIM,
                "items": items,
                "threads": threads,
                "clock": "cpu" if threads == 1 else "wall",
            },
        )


def unit(rng: np.random.Generator, rows: int) -> Floats:
    """Random vectors of unit length, (rows, d)."""
    vectors: Floats = rng.standard_normal((rows, DIM), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
