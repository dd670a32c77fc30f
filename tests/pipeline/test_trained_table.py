"""Tables that learn: admission, steps, forgetting, restoring."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.changes import Changes
from pipeline.embedding import EmbeddingTable
from pipeline.errors import RestoreError
from pipeline.ids import IdMap
from pipeline.trained_table import TrainedTable
from tests.reference import optimisers as reference


def _table(admit_after: int = 2) -> TrainedTable:
    return TrainedTable(EmbeddingTable("item", 2), admit_after=admit_after, rate=0.1)


def _value(table: TrainedTable, name: str) -> list[float]:
    values: list[float] = table.table.values[table.table.ids.find([name])[0]].tolist()
    return values


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300)), max_size=200))
@settings(deadline=None)
def test_ids_never_share_a_row(operations: list[tuple[bool, int]]) -> None:
    ids, expected = IdMap(), set()
    for insert, number in operations:
        name = str(number)
        if insert:
            ids.insert([name])
            expected.add(name)
        else:
            assert len(ids.remove([name])) == (name in expected)
            expected.discard(name)
    names = sorted(expected)
    rows = ids.find(names)
    assert len(set(rows.tolist())) == len(names) == len(ids)
    assert 0 not in rows
    assert ids.names(rows) == names
    assert sorted(ids.used().tolist()) == sorted(rows.tolist())
    assert all(row < ids.capacity for row in rows)
    assert ids.find(["nobody"]).tolist() == [0]


def test_a_row_moves_only_once_admitted() -> None:
    table = _table(admit_after=2)
    gradient = np.ones((1, 2), np.float32)
    table.update(table.see(["a"], 1), gradient)
    assert _value(table, "a") == [0.0, 0.0]
    table.update(table.see(["a"], 2), gradient)
    assert _value(table, "a") == pytest.approx([-0.1, -0.1])


def test_several_sightings_in_one_call_all_count() -> None:
    table = _table(admit_after=3)
    rows = table.see(["a", "a", "a"], 1)
    table.update(rows[:1], np.ones((1, 2), np.float32))
    assert _value(table, "a") != [0.0, 0.0]


def test_row_zero_never_moves() -> None:
    table = _table(admit_after=1)
    table.update(np.array([0]), np.ones((1, 2), np.float32))
    assert not table.table.values[0].any()


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=8))
@settings(deadline=None)
def test_steps_follow_the_reference(gradients: list[tuple[float, float]]) -> None:
    table = _table(admit_after=1)
    row = table.see(["a"], 0)
    values, square = [0.0, 0.0], 0.0
    for gradient in np.array(gradients, np.float32):
        table.update(row, gradient[None])
        if gradient.any():
            values, square = reference.adagrad_row(values, square, gradient.tolist(), 0.1)
    assert _value(table, "a") == pytest.approx(values, abs=1e-4)


def test_forgotten_ids_fall_back_to_zero_everywhere() -> None:
    table, replica = _table(admit_after=1), EmbeddingTable("item", 2)
    table.update(table.see(["old", "new"], 10), np.ones((2, 2), np.float32))
    parameters, state = Changes(), Changes()
    table.take_changes(parameters, state)
    replica.put(*parameters.rows["item"])
    table.see(["new"], 100)
    table.expire(before=50)
    assert "old" not in table.table.ids
    # Seen again before anything was published: it has state, but its old value must go.
    table.see(["old"], 101)
    later, later_state = Changes(), Changes()
    table.take_changes(later, later_state)
    assert later.removed == {"item": ["old"]}
    assert sorted(later_state.rows["item"][0]) == ["new", "old"]
    assert not later_state.removed
    replica.remove(later.removed["item"])
    assert replica.values[replica.ids.find(["old"])].tolist() == [[0.0, 0.0]]


def test_a_removed_id_leaves_no_value_for_the_next_in_its_row() -> None:
    table = _table(admit_after=1)
    table.update(table.see(["a"], 0), np.ones((1, 2), np.float32))
    table.expire(before=1)
    assert table.see(["b"], 2).tolist() == [1]
    assert _value(table, "b") == [0.0, 0.0]


def test_only_what_changed_is_taken_and_restoring_goes_on() -> None:
    table, rng = _table(), np.random.default_rng(0)
    parameters, state = Changes(), Changes()
    for clock in range(20):
        rows = np.unique(table.see([f"i{number}" for number in rng.integers(0, 200, 30)], clock))
        table.update(rows, rng.normal(size=(len(rows), 2)).astype(np.float32))
        taken = Changes(), Changes()
        table.take_changes(*taken)
        parameters, state = parameters.merge(taken[0]), state.merge(taken[1])
    assert len(taken[1].rows["item"][0]) <= 30
    restored = _table()
    restored.table.put(*parameters.rows["item"])
    restored.restore(*state.rows["item"])
    ids = [f"i{number}" for number in range(200)]
    step = rng.normal(size=(200, 2)).astype(np.float32)
    for one in (table, restored):
        one.update(one.see(ids, 30), step)
    assert all(_value(table, name) == _value(restored, name) for name in ids)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RestoreError, match="table item"):
        EmbeddingTable("item", 2).put(["a"], np.zeros((1, 3), np.float32))
    with pytest.raises(RestoreError, match="state of item"):
        _table().restore(["a"], np.zeros((1, 2)))
