"""The map of codes: principal components, and steady ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from pipeline.arrays import Floats
from pipeline.projection import Projection


def codes(seed: int, n: int = 64, dim: int = 16) -> Floats:
    rng = np.random.default_rng(seed)
    drawn: Floats = (rng.normal(size=(n, dim)) * np.linspace(3, 0.5, dim)).astype(np.float32)
    return drawn


@given(seed=st.integers(0, 1000))
def test_first_projection_is_pca(seed: int) -> None:
    codes_kd = codes(seed)
    found = Projection().project(codes_kd, np.ones(len(codes_kd)))
    pca = PCA(2, svd_solver="full").fit(codes_kd.astype(np.float64))
    right_k2 = pca.transform(codes_kd.astype(np.float64))
    signs = np.sign((right_k2 * found.points_k2).sum(axis=0))
    np.testing.assert_allclose(found.points_k2, right_k2 * signs, atol=1e-4)
    np.testing.assert_allclose(found.explained_2, pca.explained_variance_ratio_, atol=1e-6)


def test_weights_are_as_repeating_codes() -> None:
    codes_kd = codes(1, n=12)
    weights = np.arange(12) % 3
    repeated = np.repeat(codes_kd, weights, axis=0)
    one = Projection().project(codes_kd, weights.astype(np.float64)).points_k2
    other = Projection().project(repeated, np.ones(len(repeated))).points_k2
    np.testing.assert_allclose(np.repeat(one, weights, axis=0), other, atol=1e-5)


def test_codes_that_creep_do_not_jump_on_the_map() -> None:
    """Two directions of equal variance: principal axes are then any two, and change with every little move."""
    rng = np.random.default_rng(3)
    codes_kd = rng.normal(size=(200, 8)).astype(np.float32)
    projection, size = Projection(), float(np.sqrt(8))
    before = projection.project(codes_kd, np.ones(200)).points_k2
    far = []
    for _ in range(50):
        codes_kd = codes_kd + rng.normal(scale=0.01, size=codes_kd.shape).astype(np.float32)
        after = projection.project(codes_kd, np.ones(200)).points_k2
        far.append(np.linalg.norm(after - before, axis=1).mean())
        before = after
    fresh = [Projection().project(codes_kd + shift, np.ones(200)).points_k2 for shift in (0.0, 0.01)]
    assert max(far) < 0.1 * size
    assert np.isfinite(fresh).all()


def test_new_axes_are_reached_in_the_end() -> None:
    """The codebook turns by a right angle at once: the map follows, and shows the same after a while."""
    codes_kd = codes(5)
    turned_kd = np.roll(codes_kd, 5, axis=1)
    projection = Projection()
    projection.project(codes_kd, np.ones(64))
    explained = [projection.project(turned_kd, np.ones(64)).explained_2.sum() for _ in range(40)]
    assert explained[-1] > 0.99 * Projection().project(turned_kd, np.ones(64)).explained_2.sum()


def test_small_codebooks() -> None:
    for shape in ((0, 4), (1, 4), (2, 4), (5, 1)):
        found = Projection().project(np.ones(shape, np.float32), np.zeros(shape[0]))
        assert found.points_k2.shape == (shape[0], 2)
        assert np.isfinite(found.points_k2).all()
        assert np.isfinite(found.explained_2).all()
