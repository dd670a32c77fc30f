"""Postings: any sequence of updates leaves what a rebuild from scratch would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.postings import ABSENT, UNFILED, Postings
from tests.reference import merge as reference

CLUSTERS, TASKS, ROWS = 5, 2, 40

change = st.tuples(
    st.integers(0, ROWS - 1),
    st.integers(ABSENT, CLUSTERS - 1),
    st.lists(st.integers(-3, 3).map(float) | st.floats(-5, 5), min_size=TASKS, max_size=TASKS),
)
batches = st.lists(st.lists(change, max_size=30), max_size=8)


def apply(postings: Postings, batch: list[tuple[int, int, list[float]]]) -> None:
    rows = np.array([row for row, _, _ in batch], dtype=np.int32)
    clusters = np.array([cluster for _, cluster, _ in batch], dtype=np.int32)
    postings.update(rows, clusters, np.array([keys for _, _, keys in batch]).reshape(-1, TASKS))


def check(postings: Postings) -> None:
    """Every list, every order and every size is what the per-item arrays say."""
    for task in range(postings.n_tasks):
        built = reference.lists(postings.cluster_n, postings.key_nt[:, task], postings.n_clusters)
        for k, entries in enumerate(built):
            assert postings.items_of(k - 1, task).tolist() == [entry.row for entry in entries]
            start = postings.start_k[k]
            assert postings.head_tk[task, k] == (entries[0].key if entries else -np.inf)
            assert postings.keys_ts[task, start : start + len(entries)].tolist() == [entry.key for entry in entries]
    assert len(postings) == int((postings.cluster_n != ABSENT).sum())


@settings(max_examples=200, deadline=None)
@given(batches)
def test_any_sequence_of_updates_equals_a_rebuild(sequence: list[list[tuple[int, int, list[float]]]]) -> None:
    postings = Postings(CLUSTERS, TASKS)
    held: dict[int, tuple[int, list[float]]] = {}
    for batch in sequence:
        apply(postings, batch)
        held.update({row: (cluster, keys) for row, cluster, keys in batch})
        check(postings)
    for row, (cluster, keys) in held.items():
        assert postings.cluster_n[row] == cluster
        assert cluster == ABSENT or postings.key_nt[row].tolist() == keys


@settings(max_examples=50, deadline=None)
@given(batches, st.integers(0, 2**32 - 1))
def test_new_keys_for_all_equal_a_rebuild(sequence: list[list[tuple[int, int, list[float]]]], seed: int) -> None:
    postings = Postings(CLUSTERS, TASKS)
    for batch in sequence:
        apply(postings, batch)
    keys = np.random.default_rng(seed).integers(-4, 4, (ROWS, TASKS)).astype(float)
    postings.set_keys_all(keys)
    present = np.flatnonzero(postings.cluster_n != ABSENT)
    assert (postings.key_nt[present] == keys[present]).all()
    check(postings)


@settings(max_examples=100, deadline=None)
@given(batches, st.sets(st.integers(0, ROWS - 1)), st.floats(-6, 6) | st.just(1e15), st.booleans())
def test_keys_of_some_that_move_equal_a_rebuild(
    sequence: list[list[tuple[int, int, list[float]]]], chosen: set[int], by: float, other_order: bool
) -> None:
    """By one amount, of which a large one rounds keys to ties; or by any."""
    postings = Postings(CLUSTERS, TASKS)
    for batch in sequence:
        apply(postings, batch)
    rows = np.array([row for row in np.flatnonzero(postings.cluster_n != ABSENT) if row in chosen], np.int64)[::-1]
    keys = postings.key_nt[rows] * (-1 if other_order else 1) + by
    postings.shift_keys(rows, keys)
    assert (postings.key_nt[rows] == keys).all()
    check(postings)
    postings.shift_keys(rows, postings.key_nt[rows] - by)
    check(postings)


def test_only_keys_of_items_in_a_list_move() -> None:
    postings = Postings(CLUSTERS, 1)
    postings.update(np.array([0, 2]), np.array([1, 1]), np.array([[1.0], [2.0]]))
    for row, key, message in ((1, 0.0, "in no list"), (9, 0.0, "in no list"), (0, np.inf, "not finite")):
        with pytest.raises(ValueError, match=message):
            postings.shift_keys(np.array([row]), np.array([[key]]))
    assert postings.items_of(1).tolist() == [2, 0]


def test_a_catalogue_arriving_in_slices_and_wandering_stays_sorted_and_compact() -> None:
    rng = np.random.default_rng(3)
    n, clusters = 20_000, 64
    postings = Postings(clusters, 1)
    for first in range(0, n, 512):
        rows = np.arange(first, min(first + 512, n))
        postings.update(rows, np.full(rows.size, UNFILED), rng.normal(size=(rows.size, 1)))
    for _ in range(300):
        rows = rng.choice(n, 500, replace=False)
        postings.update(rows, rng.integers(ABSENT, clusters, 500), rng.normal(size=(500, 1)))
    check(postings)
    assert postings.storage < 5 * n + 64 * clusters


@pytest.mark.parametrize("seed", range(20))
def test_lists_of_any_size_hold_through_updates_of_any_size(seed: int) -> None:
    """Sizes far apart: lists overflow in one update, some of them while everything is packed."""
    rng = np.random.default_rng(seed)
    n, clusters = 400, 12
    postings = Postings(clusters, 2)
    for _ in range(60):
        size = int(rng.choice([1, 7, 60, 400]))
        rows = rng.choice(n, size, replace=False)
        to = (
            rng.integers(ABSENT, clusters, size)
            if rng.random() < 0.5
            else np.full(size, rng.integers(ABSENT, clusters))
        )
        postings.update(rows, to, rng.normal(size=(size, 2)))
        check(postings)


def test_clusters_can_be_added_while_the_items_stay() -> None:
    postings = Postings(2, 1)
    postings.update(np.arange(3), np.array([0, 1, UNFILED]), np.zeros((3, 1)))
    postings.grow(4)
    postings.grow(3)
    postings.update(np.array([0, 3]), np.array([3, 0]), np.ones((2, 1)))
    assert [postings.items_of(k).tolist() for k in (UNFILED, 0, 1, 2, 3)] == [[2], [3], [1], [], [0]]
    check(postings)


def test_only_lists_that_change_are_touched() -> None:
    postings = Postings(3, 1)
    postings.update(np.arange(6), np.array([0, 0, 1, 1, 2, 2]), np.arange(6.0).reshape(6, 1))
    before = postings.items_of(2).tolist(), int(postings.start_k[2])
    postings.update(np.array([0]), np.array([1]), np.array([[9.0]]))
    assert postings.items_of(0).tolist() == [1]
    assert postings.items_of(1).tolist() == [0, 3, 2]
    assert (postings.items_of(2).tolist(), int(postings.start_k[2])) == before


@pytest.mark.parametrize(
    ("rows", "clusters", "keys"),
    [
        ([0], [CLUSTERS], [[0.0, 0.0]]),
        ([0], [-3], [[0.0, 0.0]]),
        ([-1], [0], [[0.0, 0.0]]),
        ([0], [0], [[np.nan, 0.0]]),
        ([0], [0], [[np.inf, 0.0]]),
        ([0], [0], [[0.0]]),
        ([0, 1], [0], [[0.0, 0.0]]),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    rows: list[int], clusters: list[int], keys: list[list[float]]
) -> None:
    postings = Postings(CLUSTERS, TASKS)
    apply(postings, [(0, 1, [1.0, 2.0])])
    with pytest.raises(ValueError, match=r"."):
        postings.update(np.array(rows), np.array(clusters), np.array(keys))
    assert postings.items_of(1).tolist() == [0]
    check(postings)


def test_keys_for_all_must_cover_every_row_with_numbers() -> None:
    postings = Postings(CLUSTERS, TASKS)
    apply(postings, [(3, 1, [1.0, 2.0])])
    with pytest.raises(ValueError, match="do not cover"):
        postings.set_keys_all(np.zeros((3, TASKS)))
    with pytest.raises(ValueError, match="not finite"):
        postings.set_keys_all(np.full((4, TASKS), np.nan))


def test_sizes_must_make_sense() -> None:
    with pytest.raises(ValueError, match="at least one task"):
        Postings(3, 0)
    with pytest.raises(ValueError, match="negative"):
        Postings(-1, 1)
