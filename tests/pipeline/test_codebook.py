"""The codebook and the averages behind it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import codebook as module
from pipeline.changes import Changes
from pipeline.codebook import Codebook, MovingAverages, reward_weights
from pipeline.errors import RestoreError
from tests.reference import averages as reference

D, K = 3, 5


def _averages(seed: int, mass: float = 2.0) -> MovingAverages:
    averages = MovingAverages(Codebook(D, 5.0, 0.02))
    averages.start(np.random.default_rng(seed).normal(size=(K, D)).astype(np.float32), mass)
    return averages


def _hits(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    n = int(rng.integers(1, 12))
    vectors, codes = rng.normal(size=(n, D)).astype(np.float32), rng.integers(0, K, n).astype(np.int32)
    return vectors, codes, rng.lognormal(0, 1, n), float(rng.uniform(0.7, 0.999))


@given(st.integers(0, 10**6), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_averages_follow_the_reference(seed: int, steps: int) -> None:
    averages, rng = _averages(seed), np.random.default_rng(seed + 1)
    assert averages.codebook.codes_kd is not None
    expected = reference.MovingAverages(averages.codebook.codes_kd, 2.0)
    for _ in range(steps):
        hits = _hits(rng)
        averages.update(*hits)
        expected.update(*hits)
    assert averages.counts_k == pytest.approx(expected.counts_k)
    assert averages.sums_kd == pytest.approx(expected.sums_kd)
    assert averages.codebook.codes_kd == pytest.approx(expected.codes_kd, abs=1e-5)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_mass_is_conserved(seed: int) -> None:
    averages, rng = _averages(seed), np.random.default_rng(seed)
    before = averages.counts_k.sum()
    vectors, codes, weights, decay = _hits(rng)
    averages.update(vectors, codes, weights, decay)
    assert averages.counts_k.sum() == pytest.approx(decay * before + (1 - decay) * weights.sum())


@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
@settings(max_examples=30, deadline=None)
def test_the_unit_of_the_weights_does_not_matter(seed: int, unit: float) -> None:
    one, other = _averages(seed, 1.0), _averages(seed, unit)
    rng = np.random.default_rng(seed)
    for _ in range(3):
        vectors, codes, weights, decay = _hits(rng)
        one.update(vectors, codes, weights, decay)
        other.update(vectors, codes, weights * unit, decay)
    assert one.codebook.codes_kd == pytest.approx(other.codebook.codes_kd, abs=1e-5)
    vectors = rng.normal(size=(20, D)).astype(np.float32)
    nowhere = np.full(20, -1, np.int32)
    assert one.codebook.assign(vectors, nowhere).tolist() == other.codebook.assign(vectors, nowhere).tolist()


def test_short_batches_decay_like_one_long_batch() -> None:
    whole, parts = _averages(3), _averages(3)
    vectors, codes, weights, decay = np.eye(D, dtype=np.float32), np.zeros(D, np.int32), np.zeros(D), 0.9
    whole.update(vectors, codes, weights, decay)
    for _ in range(4):
        parts.update(vectors, codes, weights, decay ** (1 / 4))
    assert whole.counts_k == pytest.approx(parts.counts_k)


def test_renormalising_changes_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, renormalised, rng = _averages(4), _averages(4), np.random.default_rng(4)
    batches = [_hits(rng) for _ in range(6)]
    for hits in batches:
        kept.update(*hits)
    monkeypatch.setattr(module, "SMALLEST_SCALE", 0.8)
    for hits in batches:
        renormalised.update(*hits)
    assert renormalised.scale > 0.8 > kept.scale
    assert renormalised.counts_k == pytest.approx(kept.counts_k)
    assert renormalised.codebook.codes_kd == pytest.approx(kept.codebook.codes_kd, abs=1e-6)
    parameters, state = Changes(), Changes()
    renormalised.take_changes(parameters, state)
    assert len(parameters.rows["codebook"][0]) == K


def test_only_codes_hit_are_written() -> None:
    averages, parameters, state = _averages(5), Changes(), Changes()
    averages.take_changes(parameters, state)
    assert parameters.rows["codebook"][0] == ["0", "1", "2", "3", "4"]
    averages.update(np.ones((2, D), np.float32), np.array([3, 1], np.int32), np.ones(2), 0.9)
    parameters, state = Changes(), Changes()
    averages.take_changes(parameters, state)
    assert parameters.rows["codebook"][0] == state.rows["codebook"][0] == ["1", "3"]
    assert parameters.dense["codebook.size"].tolist() == [K]
    assert state.dense["codebook.scale"].tolist() == [averages.scale]


def test_a_replica_files_like_the_writer_and_a_restored_one_goes_on() -> None:
    averages, rng = _averages(6), np.random.default_rng(6)
    parameters, state = Changes(), Changes()
    for _ in range(5):
        averages.update(*_hits(rng))
        later_parameters, later_state = Changes(), Changes()
        averages.take_changes(later_parameters, later_state)
        parameters, state = parameters.merge(later_parameters), state.merge(later_state)
    restored = MovingAverages(Codebook(D, 5.0, 0.02))
    restored.codebook.apply(parameters)
    restored.restore(state)
    vectors, nowhere = rng.normal(size=(40, D)).astype(np.float32), np.full(40, -1, np.int32)
    assert averages.codebook.assign(vectors, nowhere).tolist() == restored.codebook.assign(vectors, nowhere).tolist()
    hits = _hits(rng)
    averages.update(*hits)
    restored.update(*hits)
    assert np.array_equal(averages.counts_k, restored.counts_k)
    assert np.array_equal(averages.codebook.codes_kd, restored.codebook.codes_kd)


def test_a_reseeded_code_has_its_vector_and_looks_no_nearer_than_it_is() -> None:
    averages = _averages(7)
    averages.update(np.ones((9, D), np.float32), np.zeros(9, np.int32), np.full(9, 50.0), 0.5)
    averages.reseed(np.array([2]), np.full((1, D), 0.25, np.float32), 5.0)
    codes, counts = averages.codebook.codes_kd, averages.codebook.counts_k
    assert codes is not None
    assert codes[2].tolist() == [0.25] * D
    assert counts[2] > 0
    assert averages.codebook.assign(np.full((1, D), 0.25, np.float32), np.array([-1], np.int32)).tolist() == [2]
    # Seeded with the mean over s, counted with itself in it: next to no disturbance.
    assert 5 * counts[2] / counts.mean() == pytest.approx(1.0, rel=0.2)


def test_before_the_start_nothing_is_filed() -> None:
    codebook = Codebook(D, 5.0, 0.02)
    assert codebook.n_codes == 0
    assert codebook.assign(np.ones((2, D), np.float32), np.array([-1, 4], np.int32)).tolist() == [-1, -1]
    parameters, state = Changes(), Changes()
    MovingAverages(codebook).take_changes(parameters, state)
    assert not parameters
    assert not state
    MovingAverages(codebook).restore(state)


def test_rows_that_do_not_fit_are_refused() -> None:
    codebook = Codebook(D, 5.0, 0.02)
    with pytest.raises(RestoreError, match="before the size"):
        codebook.apply(Changes(rows={"codebook": (["0"], np.ones((1, D + 1), np.float32))}))
    size = {"codebook.size": np.array([2])}
    with pytest.raises(RestoreError, match="codebook rows"):
        codebook.apply(Changes(rows={"codebook": (["0"], np.ones((1, D), np.float32))}, dense=size))
    codebook.apply(Changes(dense=size))
    assert codebook.counts_k.tolist() == [1.0, 1.0]
    with pytest.raises(RestoreError, match="state of 0 codes"):
        MovingAverages(codebook).restore(Changes(dense={"codebook.scale": np.ones(1)}))


def test_reward_weights_multiply_tasks() -> None:
    rewards = np.array([[1.0, 0.0], [1.0, 3.0], [0.0, 0.0]])
    weights = reward_weights(rewards, [1.0, 0.5], np.array([16.0, 1.0, 81.0]), 0.25)
    assert weights == pytest.approx([2 * 2.0, 2 * 2.0, 3.0])
