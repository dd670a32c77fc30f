"""Sizes and exposures of every cluster over the last while."""

from typing import Final

import numpy as np
from streamvq_client.shares import Shares

from pipeline.arrays import Doubles, Longs
from schemas.http_console import ClusterHistory
from serving.stream_time import now_ms

STEP_S: Final = 5.0
MOST_CELLS: Final = 1 << 20
"""Pairs of numbers kept: 16 MiB, however many clusters there are."""
FEWEST, MOST = 60, 360
LATELY_MS: Final = 60_000


class Activity:
    """Snapshots of what the clusters hold, `STEP_S` apart.

    Half an hour of up to 2,900 clusters, five minutes of 16,384.
    """

    def __init__(self) -> None:
        self._kept_for(0)

    def look(self, shares: Shares, n_clusters: int) -> None:
        """Take a snapshot."""
        if n_clusters != self._counts_sk2.shape[1]:  # another codebook: what was says nothing of it
            self._kept_for(n_clusters)
        place = self._taken % len(self._times_s)
        self._times_s[place] = now_ms()
        for column, counts in enumerate((shares.items, shares.exposures)):
            self._counts_sk2[place, :, column] = np.fromiter(map(counts.__getitem__, range(n_clusters)), np.int64)
        self._taken += 1

    def rates(self, n_clusters: int) -> Doubles:
        """Exposures a second of each cluster over the last minute, (K,); 0 while there is nothing to compare."""
        order = self._order()
        if len(order) < 2 or n_clusters != self._counts_sk2.shape[1]:
            return np.zeros(n_clusters)
        times = self._times_s[order]
        first = min(int(np.searchsorted(times, times[-1] - LATELY_MS)), len(order) - 2)
        seconds = max(int(times[-1] - times[first]), 1) / 1000
        grown_k = self._counts_sk2[order[-1], :, 1] - self._counts_sk2[order[first], :, 1]
        rates: Doubles = grown_k.clip(min=0) / seconds
        return rates

    def history(self, cluster: int) -> ClusterHistory:
        """One cluster over time."""
        order = self._order()
        if not 0 <= cluster < self._counts_sk2.shape[1]:
            return ClusterHistory([], [], [])
        counts_s2 = self._counts_sk2[order, cluster]
        return ClusterHistory(self._times_s[order].tolist(), counts_s2[:, 0].tolist(), counts_s2[:, 1].tolist())

    def _kept_for(self, n_clusters: int) -> None:
        snapshots = min(max(MOST_CELLS // max(n_clusters, 1), FEWEST), MOST)
        self._times_s: Longs = np.zeros(snapshots, np.int64)
        self._counts_sk2: Longs = np.zeros((snapshots, n_clusters, 2), np.int64)
        self._taken = 0

    def _order(self) -> Longs:
        """Places of the snapshots, oldest first."""
        kept = min(self._taken, len(self._times_s))
        return np.arange(self._taken - kept, self._taken) % len(self._times_s)
