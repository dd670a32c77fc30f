"""Kept vectors are those of the version and of the features in force."""

from typing import Any

import numpy as np
from streamvq_client.rows import ItemRow

from pipeline.model import Model
from serving.items import Items
from serving.vectors import SLICE, Vectors
from tests.serving.world import small_config


class Counting:
    """An item tower that counts what it computes."""

    def __init__(self) -> None:
        self.model = Model(small_config())
        self.computed = 0

    def __call__(self, names: Any, features: Any) -> Any:
        vectors = self.model.items(names, features)
        self.computed += len(names)
        return vectors


def filled(count: int) -> tuple[Items, Counting, Vectors]:
    items, tower = Items(), Counting()
    for n in range(count):
        items.put_item(f"i{n}", ItemRow({"price": float(n)}, {}, published=0))
    items.settle()
    return items, tower, Vectors(items, tower, 16, 2)


def slots(items: Items, *names: str) -> Any:
    return items.slots.find(names)


def test_each_is_computed_once_a_version() -> None:
    items, tower, vectors = filled(5)
    tower.model.tables["item"].put(["i1"], np.ones((1, 18), np.float32))
    rows = slots(items, "i0", "i1")
    known = vectors.of(rows)
    direct = tower.model.items(["i0", "i1"], [{"price": 0.0}, {"price": 1.0}])
    np.testing.assert_array_equal(known.v_nd, direct.v_nd)
    np.testing.assert_array_equal(known.bias_nt, direct.bias_nt)
    vectors.of(rows)
    assert tower.computed == 2
    vectors.of(slots(items, "i1", "i2"))
    assert tower.computed == 3
    vectors.forget()
    vectors.of(rows)
    assert tower.computed == 5


def test_new_features_and_a_slot_used_again_are_computed_anew() -> None:
    items, tower, vectors = filled(1)
    vectors.of(slots(items, "i0"))
    items.put_item("i0", ItemRow({"price": 7.0}, {}, published=0))
    items.settle()
    changed = vectors.of(slots(items, "i0"))
    np.testing.assert_array_equal(changed.v_nd, tower.model.items(["i0"], [{"price": 7.0}]).v_nd)
    items.put_item("i0", None)
    items.settle()
    items.put_item("other", ItemRow({}, {}, published=0))
    items.settle()
    assert slots(items, "other").tolist() == [1]
    fresh = vectors.of(slots(items, "other"))
    np.testing.assert_array_equal(fresh.v_nd, tower.model.items(["other"], [{}]).v_nd)


def test_what_was_asked_for_is_computed_ahead_in_the_next_version() -> None:
    items, tower, vectors = filled(10)
    vectors.of(slots(items, "i1", "i2", "i3"))
    items.put_item("i3", None)
    items.settle()
    vectors.forget()
    assert list(vectors.ahead()) == [2]
    vectors.of(slots(items, "i1", "i2"))
    assert tower.computed == 5
    vectors.forget()
    vectors.forget()
    assert list(vectors.ahead()) == []


def test_many_are_computed_in_slices() -> None:
    items, tower, vectors = filled(2 * SLICE + 5)
    assert list(vectors.computing(slots(items, *(f"i{n}" for n in range(2 * SLICE + 5))))) == [SLICE, SLICE, 5]
    assert tower.computed == 2 * SLICE + 5


def test_an_item_with_a_feature_of_the_wrong_type_counts_as_having_none() -> None:
    items, tower, vectors = filled(3)
    items.put_item("odd", ItemRow({"genre": ["a", "b"]}, {}, published=0))
    items.settle()
    known = vectors.of(slots(items, "i1", "odd"))
    direct = tower.model.items(["i1", "odd"], [{"price": 1.0}, {}])
    np.testing.assert_allclose(known.v_nd, direct.v_nd, atol=1e-6)
    assert vectors.unreadable == 1
