"""Vectors like those of towers, for the tests of indexes that are rebuilt."""

import numpy as np


def tower_vectors(items: int, users: int, seed: int, spread: float, tau: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Items (v / tau, static) and users (u, 1): topics of unequal size in a narrow cone, popularity with a long tail.

    Args:
        items, users: how many.
        seed: of the draws.
        spread: how far apart they are: towers begin in a narrow cone, near 0, and open it while they learn.
        tau: temperature.
    """
    rng = np.random.default_rng(seed)
    dim, topics = 64, 40
    cone = rng.normal(size=dim)
    centres = rng.normal(size=(topics, dim))
    topic_n = np.minimum(rng.zipf(1.5, items) - 1, topics - 1)

    def unit(x: np.ndarray) -> np.ndarray:
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    v = unit(cone + spread * (centres[topic_n] + 0.5 * rng.normal(size=(items, dim))))
    u = unit(cone + spread * (centres[rng.integers(topics, size=users)] + 0.5 * rng.normal(size=(users, dim))))
    static = -np.log(rng.permutation(items) + 1.0) - 3
    vectors = np.column_stack((v / tau, static)).astype(np.float32)
    return vectors, np.column_stack((u, np.ones(users))).astype(np.float32)
