"""What the postings and the merge must do, written to be obvious and slow."""

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Entry(NamedTuple):
    """One item in one list."""

    row: int
    key: float


def lists(clusters_n: NDArray[np.int32], keys_n: NDArray[np.float64], n_clusters: int) -> list[list[Entry]]:
    """Every list from scratch; the first is that of the unfiled (-1); -2 is nowhere."""
    built: list[list[Entry]] = [[] for _ in range(n_clusters + 1)]
    for row, (cluster, key) in enumerate(zip(clusters_n.tolist(), keys_n.tolist(), strict=True)):
        if cluster != -2:
            built[cluster + 1].append(Entry(row, key))
    return [sorted(entries, key=lambda entry: (-entry.key, entry.row)) for entries in built]


def exact(
    clusters_n: NDArray[np.int32],
    keys_n: NDArray[np.float64],
    scores_k: NDArray[np.float64],
    n_out: int,
    mask: list[int],
) -> list[tuple[float, int, int]]:
    """(score, cluster, row) of the best eligible items by a full sort; ties: lower cluster, then lower row."""
    scored = [
        (float(scores_k[cluster + 1] + key), cluster, row)
        for row, (cluster, key) in enumerate(zip(clusters_n.tolist(), keys_n.tolist(), strict=True))
        if cluster != -2 and np.isfinite(scores_k[cluster + 1]) and row < len(mask) and mask[row]
    ]
    return sorted(scored, key=lambda item: (-item[0], item[1], item[2]))[:n_out]


def chunked(
    built: list[list[Entry]], scores_k: NDArray[np.float64], n_out: int, chunk: int, mask: list[int]
) -> list[tuple[float, int, int]]:
    """The merge of the paper: a heap of the lists' heads, of which the best puts out a chunk and comes back."""
    out: list[tuple[float, int, int]] = []
    heap = [
        (-(scores_k[k] + built[k][0].key), k, 0) for k in range(len(built)) if built[k] and np.isfinite(scores_k[k])
    ]
    heapq.heapify(heap)
    while heap and len(out) < n_out:
        _, k, position = heapq.heappop(heap)
        out += [
            (float(scores_k[k] + entry.key), k - 1, entry.row)
            for entry in built[k][position : position + chunk]
            if entry.row < len(mask) and mask[entry.row]
        ]
        if position + chunk < len(built[k]):
            heapq.heappush(heap, (-(scores_k[k] + built[k][position + chunk].key), k, position + chunk))
    return out[:n_out]
