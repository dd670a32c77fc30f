"""Calibration: probabilities come out as they are, follow when they change, and are restored to the bit."""

from typing import Any

import numpy as np
import pytest

from pipeline.arrays import Floats
from pipeline.errors import RestoreError
from pipeline.rankers.calibration import Calibration, expected_calibration_error, probabilities


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _exposed(rng: np.random.Generator, slope: float, shift: float, n: int = 1000) -> tuple[Floats, Floats]:
    scores = rng.normal(-4, 2, (n, 1)).astype(np.float32)
    return scores, (rng.random((n, 1)) < _sigmoid(slope * scores + shift)).astype(np.float32)


def test_finds_the_probabilities_that_the_labels_were_drawn_from() -> None:
    rng, calibration = np.random.default_rng(0), Calibration(1)
    for _ in range(60):
        calibration.update(*_exposed(rng, 0.5, 1.0))
    assert calibration.values_t2[0] == pytest.approx([0.5, 1.0], abs=0.1)
    scores, labels = _exposed(rng, 0.5, 1.0, 20_000)
    error = expected_calibration_error(probabilities(calibration.values_t2, scores.T)[0], labels[:, 0] > 0)
    before = expected_calibration_error(probabilities(Calibration(1).values_t2, scores.T)[0], labels[:, 0] > 0)
    assert error < 0.02 < before
    assert calibration.errors()[0] < 0.05
    assert Calibration(1).errors() == (0.0,)


def test_follows_when_the_scores_come_to_mean_something_else() -> None:
    rng, calibration = np.random.default_rng(1), Calibration(1)
    for slope, shift in [(1.0, 3.0), (0.3, 0.0)]:
        for _ in range(300):
            calibration.update(*_exposed(rng, slope, shift))
        assert calibration.values_t2[0] == pytest.approx([slope, shift], abs=0.25)


def test_each_task_has_its_own_and_unknown_labels_count_nothing() -> None:
    rng, both = np.random.default_rng(2), Calibration(2)
    alone = Calibration(1)
    for _ in range(10):
        scores, labels = _exposed(rng, 0.7, 2.0, 64)
        both.update(np.hstack((scores, scores)), np.hstack((labels, np.full_like(labels, np.nan))))
        alone.update(scores, labels)
    assert both.values_t2[0] == pytest.approx(alone.values_t2[0])
    assert both.values_t2[1].tolist() == [0.0, 0.0]


def test_labels_that_are_all_equal_stay_finite_and_likely() -> None:
    rng, calibration = np.random.default_rng(3), Calibration(1)
    for number in range(200):
        scores, _ = _exposed(rng, 1.0, 0.0)
        calibration.update(scores, np.ones_like(scores))
        if number == 19:
            assert probabilities(calibration.values_t2, np.array([[-4.0]]))[0, 0] > 0.97
    assert np.isfinite(calibration.values_t2).all()
    assert probabilities(calibration.values_t2, np.array([[-4.0]]))[0, 0] > 0.95


def test_a_higher_score_is_never_less_likely() -> None:
    rng, calibration = np.random.default_rng(4), Calibration(1)
    for _ in range(100):
        calibration.update(*_exposed(rng, -1.0, -3.0))
    assert calibration.values_t2[0, 0] == 0.0


def test_goes_on_from_its_state() -> None:
    rng, one, other = np.random.default_rng(5), Calibration(1), Calibration(1)
    one.update(*_exposed(rng, 0.5, 1.0))
    other.restore(one.values_t2, one.state())
    exposed = _exposed(rng, 0.5, 1.0)
    for calibration in (one, other):
        calibration.update(*exposed)
    assert one.values_t2.tobytes() == other.values_t2.tobytes()
    with pytest.raises(RestoreError, match="calibration"):
        Calibration(2).restore(one.values_t2, one.state())


def test_expected_calibration_error() -> None:
    found = expected_calibration_error(np.array([0.9, 0.9, 0.1]), np.array([True, True, False]))
    assert found == pytest.approx(0.1)
    assert expected_calibration_error(np.array([1.0, 1.0]), np.array([False, False])) == 1.0
    assert expected_calibration_error(np.zeros(0), np.zeros(0, np.bool_)) == 0.0
