"""Streaming standardisation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.errors import RestoreError
from pipeline.numbers import Standardiser

VALUES = arrays(
    np.float64, st.tuples(st.integers(1, 20), st.just(2)), elements=st.one_of(st.floats(-1e4, 1e4), st.just(np.nan))
)


@given(st.lists(VALUES, min_size=1, max_size=4))
@settings(deadline=None)
def test_batches_give_the_moments_of_the_whole(batches: list[np.ndarray]) -> None:
    numbers = Standardiser(["a", "b"])
    for batch in batches:
        numbers.update(batch)
    whole = np.concatenate(batches)
    for column, (count, mean, squares) in enumerate(numbers.moments_m3.tolist()):
        present = whole[~np.isnan(whole[:, column]), column]
        assert count == len(present)
        if count:
            assert mean == pytest.approx(present.mean(), rel=1e-6, abs=1e-6)
            assert squares == pytest.approx(((present - present.mean()) ** 2).sum(), rel=1e-6, abs=1e-2)


def test_values_are_scaled_cut_and_marked() -> None:
    numbers = Standardiser(["a"])
    numbers.update(np.array([[0.0], [2.0]]))
    assert numbers.transform(np.array([[3.0], [1e9], [np.nan]])).tolist() == [[2, 1], [4, 1], [0, 0]]


def test_before_the_first_value_everything_is_zero() -> None:
    assert Standardiser(["a"]).transform(np.array([[1e6], [np.nan]])).tolist() == [[0, 1], [0, 0]]


def test_no_numbers() -> None:
    numbers = Standardiser([])
    numbers.update(np.zeros((3, 0)))
    assert numbers.transform(np.zeros((3, 0))).shape == (3, 0)


def test_restores() -> None:
    one, other = Standardiser(["a"]), Standardiser(["a"])
    one.update(np.array([[1.0], [5.0]]))
    other.restore(one.moments_m3)
    assert other.transform(np.array([[2.0]])).tolist() == one.transform(np.array([[2.0]])).tolist()
    with pytest.raises(RestoreError):
        other.restore(np.zeros((2, 3)))
