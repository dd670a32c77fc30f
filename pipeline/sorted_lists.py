"""Edits of many sorted lists that lie in one flat array: (key descending, row ascending) within each."""

import numpy as np
from numpy.typing import NDArray

from pipeline.native import native

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]


@native
def copy_lists(
    start: Int64, size: Int64, rows: Int32, keys: Float64, new_start: Int64, new_rows: Int32, new_keys: Float64
) -> None:
    """Copy every list to its new start; the two places may lie in one array but must not overlap."""
    for k in range(start.size):
        for i in range(size[k]):
            new_rows[new_start[k] + i] = rows[start[k] + i]
            new_keys[new_start[k] + i] = keys[start[k] + i]


@native
def _place(rows: Int32, keys: Float64, low: int, high: int, row: int, key: float) -> int:
    """First place in [low, high) whose entry does not come before (key, row)."""
    while low < high:
        middle = (low + high) // 2
        if keys[middle] > key or (keys[middle] == key and rows[middle] < row):
            low = middle + 1
        else:
            high = middle
    return low


@native
def remove(
    lists: Int64, gone: Int64, gone_keys: Float64, start: Int64, size: Int64, rows: Int32, keys: Float64
) -> None:
    """Take entries out, list by list from the left; they come sorted as the lists are, each survivor moves once."""
    n, i = lists.size, 0
    while i < n:
        k = lists[i]
        end = start[k] + size[k]
        at = _place(rows, keys, start[k], end, gone[i], gone_keys[i])
        to = at
        while i < n and lists[i] == k:
            i += 1
            until = end
            if i < n and lists[i] == k:
                until = _place(rows, keys, at + 1, end, gone[i], gone_keys[i])
            for j in range(at + 1, until):
                rows[to] = rows[j]
                keys[to] = keys[j]
                to += 1
            at = until


@native
def insert(lists: Int64, new: Int64, new_keys: Float64, start: Int64, size: Int64, rows: Int32, keys: Float64) -> None:
    """Put entries in, list by list from the right; they come sorted as the lists are, each one present moves once."""
    i = lists.size - 1
    while i >= 0:
        k = lists[i]
        first = i
        while first > 0 and lists[first - 1] == k:
            first -= 1
        end = start[k] + size[k]
        while i >= first:
            shift = i - first + 1
            at = _place(rows, keys, start[k], end, new[i], new_keys[i])
            for j in range(end - 1, at - 1, -1):
                rows[j + shift] = rows[j]
                keys[j + shift] = keys[j]
            rows[at + shift - 1] = new[i]
            keys[at + shift - 1] = new_keys[i]
            end = at
            i -= 1


@native
def sort_lists(key_n: Float64, start: Int64, size: Int64, rows: Int32, keys: Float64) -> None:
    """Sort every list again by the keys of all rows."""
    for k in range(start.size):
        low, high = start[k], start[k] + size[k]
        members = np.sort(rows[low:high])
        order = np.argsort(-key_n[members], kind="mergesort")
        for i in range(order.size):
            rows[low + i] = members[order[i]]
            keys[low + i] = key_n[members[order[i]]]


@native
def merge_moved(
    moved_n: NDArray[np.bool_], key_n: Float64, start: Int64, size: Int64, rows: Int32, keys: Float64
) -> None:
    """Sort every list again after the keys of some rows moved together: two sorted lists, merged.

    Right for any keys, linear where the moved rows keep their order but for what rounding swaps.
    """
    longest = size.max() if size.size else 0
    moved_rows, moved_keys = np.empty(longest, np.int32), np.empty(longest)
    for k in range(start.size):
        low, high = start[k], start[k] + size[k]
        kept, n_moved = low, 0
        for i in range(low, high):
            row = rows[i]
            if not moved_n[row]:
                rows[kept] = row
                keys[kept] = keys[i]
                kept += 1
                continue
            key, j = key_n[row], n_moved
            while j > 0 and (moved_keys[j - 1] < key or (moved_keys[j - 1] == key and moved_rows[j - 1] > row)):
                moved_rows[j] = moved_rows[j - 1]
                moved_keys[j] = moved_keys[j - 1]
                j -= 1
            moved_rows[j] = row
            moved_keys[j] = key
            n_moved += 1
        # From the right: what is kept lies at the left end of the list, so nothing is overwritten before it moved.
        i, j = kept - 1, n_moved - 1
        while j >= 0:
            last = i < low or keys[i] > moved_keys[j] or (keys[i] == moved_keys[j] and rows[i] < moved_rows[j])
            to = i + j + 1
            rows[to] = moved_rows[j] if last else rows[i]
            keys[to] = moved_keys[j] if last else keys[i]
            if last:
                j -= 1
            else:
                i -= 1
