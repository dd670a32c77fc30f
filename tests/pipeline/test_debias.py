"""A history without the clusters that it is full of."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rankers.debias import debiased


def _plainly(clusters: list[int], keep: int, top: int) -> list[int]:
    counts = Counter(cluster for cluster in clusters if cluster >= 0)
    several = [cluster for cluster, count in counts.items() if count > 1]
    largest = sorted(several, key=lambda cluster: (-counts[cluster], clusters.index(cluster)))[:top]
    kept = [place for place, cluster in enumerate(clusters) if cluster > -2 and cluster not in largest]
    return (kept + [-1] * keep)[:keep]


@given(st.lists(st.integers(-2, 6), min_size=1, max_size=12), st.integers(1, 14), st.integers(1, 6))
def test_follows_the_plain_form(clusters: list[int], keep: int, top: int) -> None:
    assert debiased(np.array([clusters]), keep, top).tolist() == [_plainly(clusters, keep, top)]


def test_older_behaviour_takes_the_place_of_what_is_dropped() -> None:
    assert debiased(np.array([[1, 1, 2, 1, 3, 4]]), keep=3, top=1).tolist() == [[2, 4, 5]]


def test_what_was_seen_last_decides_between_equally_large_clusters() -> None:
    assert debiased(np.array([[8, 2, 8, 2, 5]]), keep=3, top=1).tolist() == [[1, 3, 4]]


def test_single_entries_unfiled_ones_and_no_entries() -> None:
    assert debiased(np.array([[4, -1, -1, 7, -2]]), keep=5).tolist() == [[0, 1, 2, 3, -1]]


def test_rows_do_not_mix() -> None:
    rows = np.array([[1, 1, 2], [2, 2, 1], [-2, -2, -2]])
    assert debiased(rows, keep=2, top=1).tolist() == [[2, -1], [2, -1], [-1, -1]]
