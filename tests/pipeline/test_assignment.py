"""The one assignment rule."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import nearest
from pipeline.assignment import assign, disturbance
from tests.reference import assignment as reference

SEEDS = st.integers(0, 2**32 - 1)


def _case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n, codes, d = rng.integers(1, 30), rng.integers(1, 12), rng.integers(1, 6)
    vectors = rng.normal(size=(n, d)).astype(np.float32)
    counts = rng.lognormal(0, 2, codes).astype(np.float32)
    return vectors, rng.normal(size=(codes, d)).astype(np.float32), counts, rng.integers(-1, codes, n).astype(np.int32)


@given(SEEDS, st.sampled_from([0.0, 0.02, 0.5]), st.sampled_from([0.5, 1.0, 5.0]), st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=60, deadline=None)
def test_chooses_what_the_reference_chooses(seed: int, hysteresis: float, threshold: float, crowding: float) -> None:
    vectors, codes, counts, present = _case(seed)
    factors = disturbance(counts, threshold, crowding)
    assert factors == pytest.approx(reference.disturbance(counts, threshold, crowding), rel=1e-6)
    chosen = assign(vectors, codes, factors, present, hysteresis)
    for vector, now, code in zip(vectors, present.tolist(), chosen.tolist(), strict=True):
        distances = reference.distances(vector, codes, factors, now, hysteresis)
        # Two codes at the same distance may swap in single precision; the distance may not differ.
        assert distances[code] == pytest.approx(min(distances), rel=1e-4, abs=1e-4)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    vectors, codes = rng.normal(size=(50, 4)).astype(np.float32), rng.normal(size=(7, 4)).astype(np.float32)
    present, factors = rng.integers(-1, 7, 50).astype(np.int32), np.ones(7, np.float32)
    whole = assign(vectors, codes, factors, present, 0.02)
    monkeypatch.setattr(nearest, "CODES", 3)
    monkeypatch.setattr(nearest, "NUMBERS", 20)
    assert assign(vectors, codes, factors, present, 0.02).tolist() == whole.tolist()


def test_threads_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, before = np.random.default_rng(1), torch.get_num_threads()
    vectors, codes = rng.normal(size=(5000, 4)).astype(np.float32), rng.normal(size=(7, 4)).astype(np.float32)
    present, factors = rng.integers(-1, 7, 5000).astype(np.int32), np.ones(7, np.float32)
    monkeypatch.setattr(nearest, "WORTH_THREADS", 1)
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(assign(vectors, codes, factors, present, 0.02).tolist())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


def test_distances_are_not_squared() -> None:
    # At distance 2 with r = .6 a code looks 1.2 far, nearer than one at 1.3; squared it would be 2.4 against 1.69.
    codes, factors = np.array([[2.0], [-1.3]], np.float32), np.array([0.6, 1.0], np.float32)
    assert assign(np.zeros((1, 1), np.float32), codes, factors, np.array([-1], np.int32), 0.0).tolist() == [0]


@given(st.floats(0.5, 2.0), st.integers(0, 1))
@settings(max_examples=40, deadline=None)
def test_hysteresis_keeps_the_present_code_within_its_band(ratio: float, present: int) -> None:
    codes = np.array([[1.0], [-ratio]], np.float32)
    chosen = assign(np.zeros((1, 1), np.float32), codes, np.ones(2, np.float32), np.array([present], np.int32), 0.1)
    nearest = 0 if ratio > 1 else 1
    other = ratio if nearest == 0 else 1 / ratio
    if abs(other - 1 / 0.9) > 1e-3 and abs(other - 1) > 1e-3:
        assert chosen[0] == (present if other < 1 / 0.9 else nearest)


def test_an_item_on_a_boundary_does_not_flap() -> None:
    codes, factors = np.array([[1.0], [-1.0]], np.float32), np.ones(2, np.float32)
    present, moves = np.array([-1], np.int32), 0
    for wobble in np.random.default_rng(0).normal(scale=0.004, size=200):
        chosen = assign(np.array([[wobble]], np.float32), codes, factors, present, 0.02)
        moves += int(present[0] >= 0 and chosen[0] != present[0])
        present = chosen
    assert moves == 0


@given(SEEDS, st.floats(1e-3, 1e3))
@settings(max_examples=30, deadline=None)
def test_the_unit_of_mass_does_not_matter(seed: int, unit: float) -> None:
    _, _, counts, _ = _case(seed)
    assert disturbance((counts * unit).astype(np.float32), 5.0) == pytest.approx(disturbance(counts, 5.0), rel=1e-4)
