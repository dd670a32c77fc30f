"""Merge: the same candidates as a full sort (chunk 1) and as the paper's loop (any chunk), masked or not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.merge import Merged, merge, merge_many
from pipeline.postings import ABSENT, Postings
from tests.reference import merge as reference

CLUSTERS, ROWS = 6, 50


class Case:
    """A random index; few distinct keys, so that ties are common."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.clusters = rng.integers(ABSENT, CLUSTERS, ROWS).astype(np.int32)
        self.keys = rng.integers(-4, 5, (ROWS, 2)) / 2
        self.scores = rng.integers(-4, 5, CLUSTERS + 1) / 2
        self.scores[rng.random(CLUSTERS + 1) < 0.1] = -np.inf
        self.mask = (rng.random(rng.integers(ROWS // 2, ROWS + 10)) < 0.4).astype(np.uint8)
        self.postings = Postings(CLUSTERS, 2)
        self.postings.update(np.arange(ROWS), self.clusters, self.keys)

    def eligible(self, *, masked: bool) -> list[int]:
        return self.mask.tolist() if masked else [1] * ROWS


def listed(merged: Merged) -> list[tuple[float, int, int]]:
    return list(zip(merged.scores_n.tolist(), merged.clusters_n.tolist(), merged.rows_n.tolist(), strict=True))


cases = st.integers(0, 2**32 - 1).map(Case)


@settings(max_examples=200, deadline=None)
@given(cases, st.integers(0, ROWS + 5), st.integers(0, 1), st.booleans())
def test_chunk_one_equals_a_full_sort(case: Case, n_out: int, task: int, masked: bool) -> None:
    merged = merge(case.postings, case.scores, task, n_out, chunk=1, mask=case.mask if masked else None)
    expected = reference.exact(case.clusters, case.keys[:, task], case.scores, n_out, case.eligible(masked=masked))
    assert listed(merged) == expected


@settings(max_examples=200, deadline=None)
@given(cases, st.integers(0, ROWS + 5), st.integers(1, 12), st.booleans())
def test_any_chunk_equals_the_obvious_loop(case: Case, n_out: int, chunk: int, masked: bool) -> None:
    merged = merge(case.postings, case.scores, 1, n_out, chunk, mask=case.mask if masked else None)
    built = reference.lists(case.clusters, case.keys[:, 1], CLUSTERS)
    assert listed(merged) == reference.chunked(built, case.scores, n_out, chunk, case.eligible(masked=masked))


@settings(max_examples=100, deadline=None)
@given(cases, st.integers(1, 12))
def test_a_mask_leaves_out_and_changes_nothing_else(case: Case, chunk: int) -> None:
    everything = listed(merge(case.postings, case.scores, 0, ROWS, chunk))
    masked = listed(merge(case.postings, case.scores, 0, ROWS, chunk, case.mask))
    assert masked == [entry for entry in everything if entry[2] < case.mask.size and case.mask[entry[2]]]


@pytest.mark.parametrize("n_out", [300, 6000])
@pytest.mark.parametrize("eligible", [1.0, 0.1])
def test_many_lists_come_in_the_order_of_the_obvious_loop(n_out: int, eligible: float) -> None:
    rng = np.random.default_rng(n_out)
    n_clusters, n = 2500, 30_000
    clusters, keys = rng.integers(-1, n_clusters, n).astype(np.int32), rng.normal(0, 1, n).round(2)
    scores = rng.normal(0, 1, n_clusters + 1).round(1)
    mask = (rng.random(n) < eligible).astype(np.uint8)
    postings = Postings(n_clusters, 1)
    postings.update(np.arange(n), clusters, keys[:, None])
    expected = reference.chunked(reference.lists(clusters, keys, n_clusters), scores, n_out, 8, mask.tolist())
    assert listed(merge(postings, scores, 0, n_out, 8, mask)) == expected


def exponential_index() -> tuple[Postings, NDArray[np.float64]]:
    """The setting of the design's chunk measurement: 2,048 clusters of about 73 items."""
    rng = np.random.default_rng(0)
    clusters, n = 2048, 2048 * 73
    postings = Postings(clusters, 1)
    postings.update(np.arange(n), rng.integers(0, clusters, n), rng.normal(0, 0.7, (n, 1)))
    return postings, rng.normal(0, 2, clusters + 1)


def test_longer_chunks_lose_overlap_slowly() -> None:
    postings, scores = exponential_index()
    best = set(merge(postings, scores, 0, 6000, chunk=1).rows_n.tolist())
    overlap = {
        chunk: len(best & set(merge(postings, scores, 0, 6000, chunk).rows_n.tolist())) / 6000 for chunk in (4, 8, 64)
    }
    assert overlap[4] == pytest.approx(0.95, abs=0.02)
    assert overlap[8] == pytest.approx(0.90, abs=0.02)
    assert overlap[64] == pytest.approx(0.71, abs=0.04)


def test_the_merge_leaves_the_postings_as_they_are() -> None:
    case = Case(7)
    before = case.postings.rows_ts.copy(), case.postings.start_k.copy()
    first = listed(merge(case.postings, case.scores, 0, 20))
    assert listed(merge(case.postings, case.scores, 0, 20)) == first
    assert (case.postings.rows_ts == before[0]).all()
    assert (case.postings.start_k == before[1]).all()


@pytest.mark.parametrize(
    ("scores", "task", "n_out", "chunk"),
    [
        (np.zeros(CLUSTERS), 0, 1, 1),
        (np.full(CLUSTERS + 1, np.nan), 0, 1, 1),
        (np.zeros(CLUSTERS + 1), 2, 1, 1),
        (np.zeros(CLUSTERS + 1), 0, -1, 1),
        (np.zeros(CLUSTERS + 1), 0, 1, 0),
    ],
)
def test_what_does_not_fit_is_refused(scores: NDArray[np.float64], task: int, n_out: int, chunk: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        merge(Case(1).postings, scores, task, n_out, chunk)


def test_an_empty_index_gives_an_empty_answer() -> None:
    merged = merge(Postings(3, 1), np.zeros(4), 0, 10)
    assert merged.rows_n.size == merged.scores_n.size == merged.clusters_n.size == 0


@settings(max_examples=100, deadline=None)
@given(cases, st.integers(0, ROWS + 5), st.integers(1, 12))
def test_many_questions_at_once_get_what_each_would_get(case: Case, n_out: int, chunk: int) -> None:
    rng = np.random.default_rng(n_out)
    scores = rng.integers(-4, 5, (4, CLUSTERS + 1)) / 2
    excluded = rng.integers(0, ROWS + 10, 40).astype(np.int32)  # some twice, some that do not exist
    begin, end = np.array([0, 5, 30, 7]), np.array([20, 5, 40, 25])
    rows = merge_many(case.postings, scores, 1, n_out, chunk, excluded_s=excluded, begin_q=begin, end_q=end)
    for q in range(4):
        mask = np.ones(ROWS, np.uint8)
        mask[excluded[begin[q] : end[q]][excluded[begin[q] : end[q]] < ROWS]] = 0
        alone = merge(case.postings, scores[q], 1, n_out, chunk, mask).rows_n.tolist()
        assert rows[q].tolist() == alone + [-1] * (n_out - len(alone))


def test_many_questions_must_fit_together() -> None:
    case, nothing = Case(0), np.zeros(2, np.int64)
    with pytest.raises(ValueError, match=r"\(3, 7\) cluster scores for 6 clusters, 2 questions"):
        merge_many(
            case.postings, np.zeros((3, 7)), 0, 5, excluded_s=nothing.astype(np.int32), begin_q=nothing, end_q=nothing
        )
    with pytest.raises(ValueError, match="task 2 of 2"):
        merge_many(
            case.postings, np.zeros((2, 7)), 2, 5, excluded_s=nothing.astype(np.int32), begin_q=nothing, end_q=nothing
        )
