"""Posting lists: the items of every cluster, best first, one order a task."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.sorted_lists import Float64, Int32, Int64, copy_lists, insert, merge_moved, remove, sort_lists

UNFILED: Final = -1
"""The cluster of an item that has no code yet: the list before those of the codes."""
ABSENT: Final = -2
"""The cluster of an item that does not exist: an update to it removes the item."""

_SLACK: Final = 4


class Postings:
    """One list a cluster and task, sorted by key descending (equal keys: by row ascending), changed in place.

    An item's key is what its score has beyond its cluster's: ``bias + gamma * L`` (Streaming VQ, section 1.4; ``L`` is
    the forward-decayed popularity). Scores fade by the same amount as time passes, so the order changes only when an
    item does, or when those that were never exposed gain on the others (`shift_keys`).

    All lists lie in one flat array a task, each with some free places behind it. A full list moves to the end and
    doubles; when the end is reached, everything is packed anew, so that storage stays a small multiple of what is held.

    Args:
        n_clusters: K, the number of codes; list 0 is that of the unfiled, list k + 1 that of cluster k.
        n_tasks: T, the number of orders.

    Example:
        >>> postings = Postings(n_clusters=2, n_tasks=1)
        >>> postings.update(np.array([0, 1, 2]), np.array([1, 1, UNFILED]), np.array([[0.5], [2.0], [1.0]]))
        >>> postings.items_of(1).tolist(), postings.items_of(UNFILED).tolist()
        ([1, 0], [2])
    """

    def __init__(self, n_clusters: int, n_tasks: int) -> None:
        if n_clusters < 0 or n_tasks < 1:
            raise ValueError(
                f"postings need at least one task and no negative cluster count, not {n_tasks} and {n_clusters}"
            )
        self.n_clusters = n_clusters
        self.n_tasks = n_tasks
        self.cluster_n: Int32 = np.full(0, ABSENT, dtype=np.int32)
        self.key_nt: Float64 = np.zeros((0, n_tasks))
        self.start_k: Int64 = np.zeros(n_clusters + 1, dtype=np.int64)
        self.size_k: Int64 = np.zeros(n_clusters + 1, dtype=np.int64)
        self._capacity_k: Int64 = np.zeros(n_clusters + 1, dtype=np.int64)
        self._end = self._held = 0
        self.head_tk: Float64 = np.full((n_tasks, n_clusters + 1), -np.inf)
        """Key of the first entry of each list, -inf of an empty one: side by side for the merge."""
        self.rows_ts: Int32 = np.zeros((n_tasks, 0), dtype=np.int32)
        self.keys_ts: Float64 = np.zeros((n_tasks, 0))

    def __len__(self) -> int:
        """Items in all lists."""
        return self._held

    @property
    def storage(self) -> int:
        """Places allocated a task, used or not."""
        return int(self.rows_ts.shape[1])

    def items_of(self, cluster: int, task: int = 0) -> Int32:
        """Rows of one list, best first (a copy)."""
        k = self._list_of(np.array([cluster]))[0]
        return self.rows_ts[task, self.start_k[k] : self.start_k[k] + self.size_k[k]].copy()

    def update(
        self, rows_n: NDArray[np.integer], clusters_n: NDArray[np.integer], keys_nt: NDArray[np.floating]
    ) -> None:
        """Put items where they belong now; only the lists they leave or enter are touched.

        Args:
            rows_n: (n,) item rows, any order; of a row named twice the last one counts.
            clusters_n: (n,) cluster of each, ``UNFILED`` (-1) or ``ABSENT`` (-2, removes it).
            keys_nt: (n, T) keys; those of removed items are ignored.

        Raises:
            ValueError: shapes that do not fit, a negative row, an unknown cluster or a key that is not finite.
        """
        rows, clusters, keys = self._checked(rows_n, clusters_n, keys_nt)
        if not rows.size:
            return
        self._hold_rows(int(rows.max()) + 1)
        old, old_keys = self.cluster_n[rows], self.key_nt[rows]
        changed = (old != clusters) | ((clusters != ABSENT) & (old_keys != keys).any(axis=1))
        leave, enter = changed & (old != ABSENT), changed & (clusters != ABSENT)
        from_k, to_k = self._list_of(old[leave]), self._list_of(clusters[enter])
        self._make_room(from_k, to_k)
        for task in range(self.n_tasks):
            order = np.lexsort((rows[leave], -old_keys[leave, task], from_k))
            remove(
                from_k[order],
                rows[leave][order],
                old_keys[leave, task][order],
                self.start_k,
                self.size_k,
                *self._of(task),
            )
        np.subtract.at(self.size_k, from_k, 1)
        for task in range(self.n_tasks):
            order = np.lexsort((rows[enter], -keys[enter, task], to_k))
            insert(
                to_k[order], rows[enter][order], keys[enter, task][order], self.start_k, self.size_k, *self._of(task)
            )
        np.add.at(self.size_k, to_k, 1)
        self._held += to_k.size - from_k.size
        self._look_at_heads(np.concatenate((from_k, to_k)))
        self.cluster_n[rows], self.key_nt[rows[enter]] = clusters, keys[enter]

    def set_keys_all(self, keys_nt: NDArray[np.floating]) -> None:
        """Replace every item's keys and sort every list again: for a new half-life or gamma, not for every day.

        Args:
            keys_nt: (n, T) keys by row, for all rows up to the highest in use.
        """
        rows = np.flatnonzero(self.cluster_n != ABSENT)
        keys = np.ascontiguousarray(keys_nt, dtype=np.float64)
        if keys.ndim != 2 or keys.shape[1] != self.n_tasks or (rows.size and keys.shape[0] <= rows[-1]):
            raise ValueError(f"keys of shape {keys.shape} do not cover rows up to {rows[-1:]} in {self.n_tasks} tasks")
        if not np.isfinite(keys[rows]).all():
            raise ValueError("a key is not finite")
        self.key_nt[rows] = keys[rows]
        for task in range(self.n_tasks):
            sort_lists(self.key_nt[:, task].copy(), self.start_k, self.size_k, *self._of(task))
        self._look_at_heads(np.arange(len(self.size_k)))

    def shift_keys(self, rows_n: NDArray[np.integer], keys_nt: NDArray[np.floating]) -> None:
        """Give items new keys that all changed by about the same amount: in one pass over the lists.

        Args:
            rows_n: (n,) distinct item rows, all in a list.
            keys_nt: (n, T) their keys.

        Raises:
            ValueError: a row that is in no list, or a key that is not finite.
        """
        rows = np.asarray(rows_n, dtype=np.int64)
        if rows.size and (rows.max() >= self.cluster_n.size or (self.cluster_n[rows] == ABSENT).any()):
            raise ValueError("an item is in no list")
        rows, _, keys = self._checked(rows, self.cluster_n[rows], keys_nt)
        if not rows.size:
            return
        self.key_nt[rows] = keys
        moved = np.zeros(self.cluster_n.size, dtype=np.bool_)
        moved[rows] = True
        for task in range(self.n_tasks):
            merge_moved(moved, self.key_nt[:, task].copy(), self.start_k, self.size_k, *self._of(task))
        self._look_at_heads(np.arange(len(self.size_k)))

    def grow(self, n_clusters: int) -> None:
        """Make room for clusters up to ``n_clusters``; those that exist keep their number and their items."""
        more = np.zeros(max(n_clusters - self.n_clusters, 0), dtype=np.int64)
        self.n_clusters += more.size
        self.start_k = np.concatenate([self.start_k, more])
        self.size_k = np.concatenate([self.size_k, more])
        self._capacity_k = np.concatenate([self._capacity_k, more])
        self.head_tk = np.concatenate([self.head_tk, np.full((self.n_tasks, more.size), -np.inf)], axis=1)

    def _look_at_heads(self, lists: Int64) -> None:
        self.head_tk[:, lists] = -np.inf
        held = lists[self.size_k[lists] > 0]
        self.head_tk[:, held] = self.keys_ts[:, self.start_k[held]]

    def _of(self, task: int) -> tuple[Int32, Float64]:
        return self.rows_ts[task], self.keys_ts[task]

    def _list_of(self, clusters: NDArray[np.integer]) -> Int64:
        return np.asarray(clusters, dtype=np.int64) + 1

    def _checked(
        self, rows_n: NDArray[np.integer], clusters_n: NDArray[np.integer], keys_nt: NDArray[np.floating]
    ) -> tuple[Int64, Int32, Float64]:
        rows, clusters = np.asarray(rows_n, dtype=np.int64), np.asarray(clusters_n, dtype=np.int32)
        keys = np.asarray(keys_nt, dtype=np.float64)
        if rows.ndim != 1 or clusters.shape != rows.shape or keys.shape != (rows.size, self.n_tasks):
            raise ValueError(
                f"rows {rows.shape}, clusters {clusters.shape}, keys {keys.shape} for {self.n_tasks} tasks do not fit"
            )
        if rows.size and rows.min() < 0:
            raise ValueError("an item row is negative")
        if ((clusters < ABSENT) | (clusters >= self.n_clusters)).any():
            raise ValueError(f"a cluster lies outside {ABSENT} … {self.n_clusters - 1}")
        if not np.isfinite(keys[clusters != ABSENT]).all():
            raise ValueError("a key is not finite")
        last = rows.size - 1 - np.unique(rows[::-1], return_index=True)[1]
        return rows[last], clusters[last], keys[last]

    def _hold_rows(self, n: int) -> None:
        held = self.cluster_n.size
        if n <= held:
            return
        more = max(n, 2 * held) - held
        self.cluster_n = np.concatenate([self.cluster_n, np.full(more, ABSENT, dtype=np.int32)])
        self.key_nt = np.concatenate([self.key_nt, np.zeros((more, self.n_tasks))])

    def _make_room(self, from_k: Int64, to_k: Int64) -> None:
        """Lists that would overflow move to the end with twice their need; a full end packs everything anew."""
        lists, added = np.unique(to_k, return_counts=True)
        left, removed = np.unique(from_k, return_counts=True)
        need = self.size_k[lists] + added
        both = np.isin(left, lists)
        need[np.searchsorted(lists, left[both])] -= removed[both]
        full = need > self._capacity_k[lists]
        if self._end + int(_with_slack(need[full]).sum()) > self.storage:
            self._pack(lists, need)
        else:
            self._move(lists[full], need[full])

    def _move(self, lists: Int64, need: Int64) -> None:
        room = _with_slack(need)
        start = self._end + np.cumsum(room) - room
        for task in range(self.n_tasks):
            rows, keys = self._of(task)
            copy_lists(self.start_k[lists], self.size_k[lists], rows, keys, start, rows, keys)
        self.start_k[lists], self._capacity_k[lists] = start, room
        self._end += int(room.sum())

    def _pack(self, lists: Int64, need: Int64) -> None:
        sizes = self.size_k.copy()
        sizes[lists] = np.maximum(sizes[lists], need)  # entries leave after the copy
        capacity = sizes + sizes // 4 + _SLACK
        start = np.cumsum(capacity) - capacity
        end = int(capacity.sum())
        storage = end + end // 2
        rows_ts = np.zeros((self.n_tasks, storage), dtype=np.int32)
        keys_ts = np.zeros((self.n_tasks, storage))
        for task in range(self.n_tasks):
            copy_lists(self.start_k, self.size_k, *self._of(task), start, rows_ts[task], keys_ts[task])
        self.rows_ts, self.keys_ts, self.start_k, self._capacity_k, self._end = rows_ts, keys_ts, start, capacity, end


def _with_slack(sizes: Int64) -> Int64:
    return 2 * sizes + _SLACK
