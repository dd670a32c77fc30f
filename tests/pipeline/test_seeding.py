"""First codes."""

import numpy as np

from pipeline.seeding import first_codes, spread_seeds


def test_seeds_find_every_group() -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(8, dtype=np.float32) * 10
    vectors = (np.repeat(centres, 20, axis=0) + rng.normal(scale=0.01, size=(160, 8))).astype(np.float32)
    seeds = spread_seeds(vectors, 8, rng)
    assert sorted(np.unique(seeds // 20).tolist()) == list(range(8))
    codes = first_codes(vectors, 8, 5, rng)
    assert np.allclose(np.sort(codes.argmax(axis=1)), np.arange(8))
    assert np.abs(codes.max(axis=1) - 10).max() < 0.02


def test_fewer_vectors_than_codes() -> None:
    vectors = np.repeat(np.eye(2, dtype=np.float32), 5, axis=0)
    codes = first_codes(vectors, 6, 3, np.random.default_rng(1))
    assert codes.shape == (6, 2)
    assert np.isfinite(codes).all()
    assert {tuple(code) for code in codes.tolist()} == {(1.0, 0.0), (0.0, 1.0)}


def test_the_same_seed_gives_the_same_codes() -> None:
    vectors = np.random.default_rng(2).normal(size=(100, 4)).astype(np.float32)
    one, other = (first_codes(vectors, 10, 3, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, other)
