"""Chunked k-way merge of the posting lists: from cluster scores to candidates."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.chunk_order import bound, chunks_above, descending
from pipeline.list_heap import Mask, merge_by_heap
from pipeline.native import native
from pipeline.postings import Postings
from pipeline.sorted_lists import Float64, Int32, Int64

_EVERY: Final[Mask] = np.zeros(0, dtype=np.uint8)


class Merged(NamedTuple):
    """Candidates in the order in which the merge put them out."""

    rows_n: Int32
    """(n,) item rows."""
    scores_n: Float64
    """(n,) coarse scores: cluster score + key."""
    clusters_n: Int32
    """(n,) the cluster each one came from, -1 = unfiled."""


def chunk_for(n_out: int, longest: int = 8) -> int:
    """Places of a list to put out at a time: 1 for up to 399 items, then one more every 200, up to `longest`.

    What a chunk loses is what lies below its head, and the fewer chunks make up the output, the more that is; the heap
    that it spares costs time only where the output is long.

    >>> [chunk_for(n) for n in (100, 399, 500, 1000, 50_000)]
    [1, 1, 2, 5, 8]
    """
    return min(max(n_out // 200, 1), longest)


def merge(
    postings: Postings,
    cluster_scores_k: NDArray[np.floating],
    task: int,
    n_out: int,
    chunk: int = 8,
    mask: NDArray[np.uint8] | None = None,
) -> Merged:
    """Take the best items over all lists without looking at the rest (Streaming VQ, section 1.4 and appendix A).

    Lists are put out chunk by chunk, in the order of what the chunks begin with, valued cluster score + key: as by a
    heap of the lists' heads, of which the best one puts out a chunk and goes back with its next head. With ``chunk=1``
    the output is exactly sorted; a longer chunk lets an item be out of order by at most the range of keys inside it.

    There is no heap: each of its steps waits for the memory that the last one named. A sample of the lists says how
    good a chunk must be, then all chunks that are as good are found at once, and sorted.

    Args:
        postings: the lists.
        cluster_scores_k: (K + 1,) for the user: first the score of the unfiled, then of each cluster. -inf leaves a
            list out.
        task: which order.
        n_out: how many items; fewer come out only when there are no more.
        chunk: places of a list put out at a time.
        mask: (rows,) 1 = eligible; the merge goes on until ``n_out`` *eligible* items are out. Rows beyond its end are
            not eligible.

    Raises:
        ValueError: sizes that do not fit.

    Example:
        >>> postings = Postings(n_clusters=2, n_tasks=1)
        >>> postings.update(np.arange(3), np.array([0, 0, 1]), np.array([[0.0], [-3.0], [-1.0]]))
        >>> merge(postings, np.array([-np.inf, 1.0, 0.5]), task=0, n_out=3, chunk=1).rows_n.tolist()
        [0, 2, 1]
    """
    scores = np.ascontiguousarray(cluster_scores_k, dtype=np.float64)
    if scores.shape != (postings.n_clusters + 1,):
        raise ValueError(f"{scores.shape} cluster scores for {postings.n_clusters} clusters and the unfiled")
    if np.isnan(scores).any():
        raise ValueError("a cluster score is not a number")
    if not 0 <= task < postings.n_tasks or n_out < 0 or chunk < 1:
        raise ValueError(f"task {task} of {postings.n_tasks}, n_out {n_out}, chunk {chunk}")
    most = min(n_out, len(postings))
    eligible = _EVERY if mask is None else np.ascontiguousarray(mask, dtype=np.uint8)
    rows = np.empty(most, dtype=np.int32)
    values = np.empty(most)
    clusters = np.empty(most, dtype=np.int32)
    found = _merge(
        scores, postings.start_k, postings.size_k, postings.head_tk[task], postings.rows_ts[task],
        postings.keys_ts[task], chunk,
        0 if mask is None else 1, eligible, rows, values, clusters,
    )  # fmt: skip
    return Merged(rows[:found], values[:found], clusters[:found])


def merge_many(
    postings: Postings,
    cluster_scores_qk: NDArray[np.floating],
    task: int,
    n_out: int,
    chunk: int = 8,
    *,
    excluded_s: Int32,
    begin_q: Int64,
    end_q: Int64,
) -> Int32:
    """The rows that `merge` puts out for each of Q questions, (Q, n_out), -1 behind the last one.

    Args:
        postings: the lists.
        cluster_scores_qk: (Q, K + 1), a row a question as `merge` takes it.
        task: which order.
        n_out: how many items.
        chunk: places of a list put out at a time.
        excluded_s: rows that must not come out, of all questions; those not in the lists are ignored.
        begin_q: where each question's part of them begins.
        end_q: where it ends.

    Raises:
        ValueError: sizes that do not fit.
    """
    scores = np.ascontiguousarray(cluster_scores_qk, dtype=np.float64)
    if scores.shape != (len(begin_q), postings.n_clusters + 1) or len(begin_q) != len(end_q):
        raise ValueError(f"{scores.shape} cluster scores for {postings.n_clusters} clusters, {len(begin_q)} questions")
    if np.isnan(scores).any() or not 0 <= task < postings.n_tasks or n_out < 0 or chunk < 1:
        raise ValueError(f"task {task} of {postings.n_tasks}, n_out {n_out}, chunk {chunk}, or a score is not a number")
    rows = np.full((len(scores), n_out), -1, dtype=np.int32)
    _merge_many(
        scores, postings.start_k, postings.size_k, postings.rows_ts[task], postings.keys_ts[task], chunk,
        excluded_s, begin_q, end_q, np.ones(len(postings.cluster_n), np.uint8), rows,
    )  # fmt: skip
    return rows


@native
def _merge(
    scores: Float64, start: Int64, size: Int64, heads: Float64, rows: Int32, keys: Float64, chunk: int,
    masked: int, mask: Mask, out_rows: Int32, out_values: Float64, out_clusters: Int32,
) -> int:  # fmt: skip
    """Chunks above a bound, in order; with more of them where the mask has left too few."""
    most = wanted = out_rows.size
    while True:
        least = bound(scores, start, size, heads, keys, chunk, wanted)
        value, list_of, at = chunks_above(least, scores, start, size, heads, keys, chunk)
        found = 0
        for place in descending(value):
            k, begin = list_of[place], at[place]
            for i in range(begin, min(begin + chunk, start[k] + size[k])):
                if masked == 1 and (rows[i] >= mask.size or mask[rows[i]] == 0):
                    continue
                if found == most:
                    break
                out_rows[found], out_values[found], out_clusters[found] = rows[i], scores[k] + keys[i], k - 1
                found += 1
            if found == most:
                break
        if found == most or least == -np.inf:
            return found
        wanted *= 4


@native
def _merge_many(
    scores_qk: Float64, start: Int64, size: Int64, rows: Int32, keys: Float64, chunk: int,
    excluded_s: Int32, begin_q: Int64, end_q: Int64, mask: Mask, out_qn: Int32,
) -> None:  # fmt: skip
    for q in range(scores_qk.shape[0]):
        for s in range(begin_q[q], end_q[q]):
            if excluded_s[s] < mask.size:
                mask[excluded_s[s]] = 0
        merge_by_heap(scores_qk[q], start, size, rows, keys, chunk, mask, out_qn[q])
        for s in range(begin_q[q], end_q[q]):
            if excluded_s[s] < mask.size:
                mask[excluded_s[s]] = 1
