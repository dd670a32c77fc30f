"""Item rows and posting lists: after any sequence of changes they hold what the latest rows say, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamvq_client.rows import ItemIndexRow, ItemRow

from pipeline.postings import ABSENT, UNFILED
from schemas.errors import InvariantError
from serving.items import Items, Order

NAMES = [f"i{n}" for n in range(12)]


def item_row(price: int, deleted: int | None = None) -> ItemRow:
    return ItemRow({"price": price}, {"title": str(price)}, published=1, deleted=deleted)


def index_row(cluster: int, bias: list[float], popularity: list[float], exposures: int = 3) -> ItemIndexRow:
    return ItemIndexRow([cluster], bias, popularity, exposures, version=7, time=5, published=1)


values = st.integers(-4, 4).map(float)
item_rows = st.none() | st.builds(item_row, st.integers(0, 9), st.none() | st.none() | st.just(5))
index_rows = st.none() | st.builds(
    index_row,
    st.integers(UNFILED, 6),
    st.lists(values, max_size=3),
    st.lists(values, max_size=3),
    st.sampled_from([0, 3]),
)
change = st.tuples(st.sampled_from(NAMES), item_rows) | st.tuples(st.sampled_from(NAMES), index_rows)
orders = st.builds(Order, st.integers(1, 3), st.none() | st.integers(0, 2), st.sampled_from([0.0, 1.0, 2.0]), values)
later = st.builds(lambda initial: Order(initial=initial), values)  # often only L of items never exposed changes


class Expected:
    """The latest rows by name."""

    def __init__(self) -> None:
        self.items: dict[str, ItemRow] = {}
        self.index: dict[str, ItemIndexRow] = {}

    def put(self, name: str, row: ItemRow | ItemIndexRow) -> None:
        if isinstance(row, ItemIndexRow):
            self.index[name] = row
        elif row.deleted is None:
            self.items[name] = row
        else:
            self.items.pop(name, None)

    def lists(self, items: Items) -> dict[tuple[int, int], list[float]]:
        """Sorted keys of every list and task."""
        order, widest = items.order, items.index.popularity_nh.shape[1]
        column = widest // 2 if order.half_life is None else min(order.half_life, widest - 1)
        lists: dict[tuple[int, int], list[float]] = {}
        for name in self.items.keys() & self.index.keys():
            row = self.index[name]
            counted = row.exposures and column < len(row.popularity)
            prior = row.popularity[column] if counted else order.initial
            for task in range(order.n_tasks):
                bias = row.bias[task] if task < len(row.bias) else 0.0
                lists.setdefault((row.clusters[0], task), []).append(bias + order.gamma * prior)
        return {key: sorted(keys, reverse=True) for key, keys in lists.items()}


def check(items: Items, expected: Expected) -> None:
    shown = sorted(expected.items.keys() & expected.index.keys())
    assert sorted(items.names(items.retrievable())) == shown
    assert len(items) == len(shown)
    assert len(items.slots) == len(expected.items.keys() | expected.index.keys())
    lists = expected.lists(items)
    for cluster in range(UNFILED, items.postings.n_clusters):
        for task in range(items.order.n_tasks):
            rows = items.postings.items_of(cluster, task)
            assert items.postings.key_nt[rows, task].tolist() == lists.get((cluster, task), [])
    for name in shown:
        slot = items.find(name)
        assert slot is not None
        assert items.postings.cluster_n[slot] == expected.index[name].clusters[0]
        assert items.features(np.array([slot])) == [expected.items[name].features]
        assert items.attributes(np.array([slot])) == [expected.items[name].attributes]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(change, max_size=12) | orders | later, max_size=12))
def test_any_sequence_of_changes_leaves_the_latest_rows(
    steps: list[list[tuple[str, ItemRow | ItemIndexRow | None]] | Order],
) -> None:
    items, expected = Items(), Expected()
    for step in steps:
        if isinstance(step, Order):
            items.reorder(step)
        else:
            for name, row in step:
                if isinstance(row, ItemRow):
                    items.put_item(name, row)
                    expected.put(name, row)
                elif isinstance(row, ItemIndexRow):
                    items.put_index(name, row)
                    expected.put(name, row)
                else:
                    items.put_item(name, None)
                    items.put_index(name, None)
                    expected.items.pop(name, None)
                    expected.index.pop(name, None)
            items.settle()
        check(items, expected)


def test_slots_of_deleted_items_are_used_again() -> None:
    items = Items()
    for generation in range(50):
        for n in range(40):
            items.put_item(f"{generation}-{n}", item_row(n))
            items.put_index(f"{generation}-{n}", index_row(n % 3, [0.0], [0.0]))
        items.settle()
        for n in range(40):
            items.put_item(f"{generation}-{n}", item_row(n, deleted=9))
            items.put_index(f"{generation}-{n}", None)
        items.settle()
    assert items.slots.capacity <= 41
    assert len(items) == 0
    assert (items.postings.cluster_n[items.postings.cluster_n != ABSENT]).size == 0


def test_what_the_tower_reads_gets_a_new_stamp_and_nothing_else_does() -> None:
    items = Items()
    items.put_item("a", item_row(1))
    items.put_index("a", index_row(0, [0.0], [0.0]))
    items.settle()
    slot = items.find("a")
    assert slot is not None
    before = items.stamp_n[slot]
    items.put_index("a", index_row(1, [1.0], [1.0]))
    items.settle()
    assert items.stamp_n[slot] == before
    items.put_item("a", item_row(2))
    items.settle()
    assert items.stamp_n[slot] > before


def test_a_row_that_no_trainer_writes_ends_the_replica() -> None:
    with pytest.raises(InvariantError, match="item_index"):
        Items().put_index("a", index_row(1 << 30, [0.0], [0.0]))
