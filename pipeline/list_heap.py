"""A heap of the lists' heads: one chunk at a time, for as long as it takes.

Where much is left out of short lists, as what each user of an evaluation has seen, a bound on the chunks says little of
how many are needed. The heap just goes on.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.native import native
from pipeline.sorted_lists import Float64, Int32, Int64

Mask = NDArray[np.uint8]


@native
def _sift_down(value: Float64, k_of: Int64, at: int, n: int) -> None:
    """Let the entry at ``at`` sink to its place; the larger value is above, of equal ones the lower cluster."""
    v, k = value[at], k_of[at]
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        right = child + 1
        if right < n and (value[right] > value[child] or (value[right] == value[child] and k_of[right] < k_of[child])):
            child = right
        if value[child] < v or (value[child] == v and k_of[child] > k):
            break
        value[at], k_of[at] = value[child], k_of[child]
        at = child
    value[at], k_of[at] = v, k


@native
def _heap_of_heads(scores: Float64, start: Int64, size: Int64, keys: Float64, value: Float64, k_of: Int64) -> int:
    n = 0
    for k in range(scores.size):
        if size[k] > 0 and scores[k] > -np.inf:
            value[n], k_of[n] = scores[k] + keys[start[k]], k
            n += 1
    for at in range(n // 2 - 1, -1, -1):
        _sift_down(value, k_of, at, n)
    return n


@native
def merge_by_heap(
    scores: Float64, start: Int64, size: Int64, rows: Int32, keys: Float64, chunk: int,
    mask: Mask, out_rows: Int32,
) -> int:  # fmt: skip
    """Put out the best list's next chunk, again and again, but for what the mask leaves out; how many items it was."""
    value, k_of = np.empty(scores.size), np.empty(scores.size, dtype=np.int64)
    next_k = start.copy()
    n = _heap_of_heads(scores, start, size, keys, value, k_of)
    found, most = 0, out_rows.size
    while n > 0 and found < most:
        k = k_of[0]
        end = start[k] + size[k]
        stop = min(next_k[k] + chunk, end)
        for i in range(next_k[k], stop):
            row = rows[i]
            if row >= mask.size or mask[row] == 0:
                continue
            if found == most:
                break
            out_rows[found] = row
            found += 1
        next_k[k] = stop
        if stop < end:
            value[0] = scores[k] + keys[stop]
        else:
            n -= 1
            value[0], k_of[0] = value[n], k_of[n]
        if n > 0:
            _sift_down(value, k_of, 0, n)
    return found
