"""Columns of attributes: what asking every row one by one gives, through any changes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamvq_client.rows import ItemRow

from pipeline.attribute_column import AttributeColumn
from pipeline.number_bounds import Bounds
from tests.reference.filters import fits, kinds

ROWS = 12
LARGE = 2**53
numbers = (
    st.integers(-3, 3)
    | st.sampled_from([0.5, -0.0, 1e300, -1e300, float(LARGE), float(2**63)])
    | st.integers(LARGE - 3, LARGE + 3)
    | st.integers(-LARGE - 2, -LARGE + 2)
    | st.integers(2**63 - 1025, 2**63 - 1)
)
scalars = numbers | st.booleans() | st.sampled_from(["", "a", "b", "1", "true"])
values = st.one_of(
    scalars,
    st.none(),
    st.lists(scalars | st.none() | st.just({"a": 1}), max_size=4),
    st.just({"a": "b"}),
    st.just([[1]]),
)
changes = st.lists(st.tuples(st.integers(0, ROWS - 1), values), max_size=40)


def filled(told: list[tuple[int, Any]]) -> tuple[AttributeColumn, list[ItemRow]]:
    column, rows = AttributeColumn(ROWS), [ItemRow({}, {"x": None}, 0)] * ROWS
    for row, value in told:
        column.put(row, value)
        rows[row] = ItemRow({}, {"x": value}, 0)
    return column, rows


@settings(max_examples=300, deadline=None)
@given(changes, st.lists(scalars, min_size=1, max_size=12))
def test_equal_values(told: list[tuple[int, Any]], wanted: list[Any]) -> None:
    column, rows = filled(told)
    assert column.equal_to(wanted).tolist() == [fits({"attribute": "x", "in": wanted}, row) for row in rows]


@settings(max_examples=400, deadline=None)
@given(changes, st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), numbers, min_size=1))
def test_bounds(told: list[tuple[int, Any]], bounds: dict[str, float]) -> None:
    column, rows = filled(told)
    assert column.within(Bounds(**bounds)).tolist() == [fits({"attribute": "x", **bounds}, row) for row in rows]


@settings(max_examples=200, deadline=None)
@given(changes)
def test_presence_and_kinds(told: list[tuple[int, Any]]) -> None:
    column, rows = filled(told)
    assert column.any().tolist() == [fits({"attribute": "x", "exists": True}, row) for row in rows]
    for number, row in enumerate(rows):
        keys = column.keys(number)
        assert len(keys) == len(kinds({"attribute": "x"}, row, 0))
        for key in keys:
            assert column.equal_to([key])[number]
    codes = column.codes(np.arange(ROWS))
    for one in range(ROWS):
        assert (codes[one] == 0) == (not column.any()[one])
        for other in range(ROWS):
            if codes[one] == codes[other]:
                assert set(column.keys(one)) == set(column.keys(other))


@settings(max_examples=200, deadline=None)
@given(st.lists(values | st.sampled_from([float("nan"), float("inf")]), max_size=ROWS), changes)
def test_rows_filled_at_once_are_as_those_put_one_by_one(first: list[Any], then: list[tuple[int, Any]]) -> None:
    at_once, one_by_one = AttributeColumn(ROWS), AttributeColumn(ROWS)
    middle = len(first) // 2
    at_once.fill(0, first[:middle])
    at_once.fill(middle, first[middle:])
    for told in (list(enumerate(first)), then):
        for row, value in told:
            one_by_one.put(row, value)
            if told is then:
                at_once.put(row, value)
        for row in range(ROWS):
            assert at_once.keys(row) == one_by_one.keys(row)
        assert at_once.any().tolist() == one_by_one.any().tolist()
        assert at_once.distinct == one_by_one.distinct


@settings(max_examples=100, deadline=None)
@given(changes)
def test_nothing_is_left_of_what_was(told: list[tuple[int, Any]]) -> None:
    column, _ = filled(told)
    for row in range(ROWS):
        column.put(row, None)
    assert column.distinct == 0
    assert not column.any().any()
    assert not column.equal_to(["a", 1, True, LARGE + 1]).any()
    assert not column.within(Bounds()).any()
    for row in range(ROWS):
        column.put(row, ["a", row])
    assert column.equal_to(["a"]).all()
    assert column.within(Bounds(gte=6)).tolist() == [row >= 6 for row in range(ROWS)]


def test_a_stream_of_new_values_takes_no_more_room() -> None:
    column = AttributeColumn(ROWS)
    for number in range(5000):
        column.put(number % ROWS, [f"v{number}", number, number + 0.5])
    assert column.distinct == ROWS
    assert len(column._entries) <= 2 * ROWS + 2
    assert len(column._lists_with) == 3 * ROWS
    assert column._list_numbers._used <= 4 * ROWS


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**63, 10**400, b"bytes", [float("inf")]])
def test_what_json_has_no_words_for_is_a_value_that_nothing_equals(value: Any) -> None:
    column = AttributeColumn(1)
    column.put(0, value)
    assert column.any()[0]
    assert column.keys(0) == ()
    assert not column.within(Bounds())[0]


def test_columns_grow_with_what_they_hold() -> None:
    column = AttributeColumn(2)
    column.put(1, LARGE + 1)
    column.grow(100)
    assert len(column.any()) == 100
    column.put(99, "a")
    assert np.flatnonzero(column.any()).tolist() == [1, 99]
    assert np.flatnonzero(column.equal_to([LARGE + 1])).tolist() == [1]
