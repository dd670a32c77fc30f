"""What the server holds, for people and monitoring."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from pipeline.popularity import log_share
from pipeline.postings import UNFILED
from schemas.http_state import ClusterItems, ClusterList, ClusterState, ItemState, Readiness, Stats
from serving.replica import Replica
from serving.stream_time import now_ms

ClusterOrder = Literal["id", "items", "exposures"]


class Observer:
    """Reads the replica without changing it.

    Args:
        replica: what is looked at.
        readiness: how far it has been read.
    """

    def __init__(self, replica: Replica, readiness: Callable[[], Readiness]) -> None:
        self._replica = replica
        self.readiness = readiness

    def stats(self) -> Stats:
        """The index in numbers."""
        replica, model, commit = self._replica, self._replica.model, self._replica.commit
        sizes = replica.items.postings.size_k
        filed = sizes[1:].astype(np.float64)
        readiness = self.readiness()
        return Stats(
            items=int(sizes.sum()),
            filed=int(filed.sum()),
            users=len(replica.histories),
            codes=model.codebook.n_codes if model else 0,
            codes_used=int((filed > 0).sum()),
            perplexity=perplexity(filed),
            largest_cluster=int(filed.max(initial=0)),
            codebook_started=bool(model and model.codebook.n_codes),
            exposures=sum(replica.shares.exposures.values()),
            tasks=[task.name for task in model.config.tasks] if model else [],
            half_life=model.config.half_lives[model.active_half_life] if model else None,
            version=commit.version if commit else 0,
            clock=commit.clock if commit else 0,
            version_age_s=readiness.version_age_s,
            readiness=readiness,
        )

    def item(self, name: str) -> ItemState | None:
        """Everything of one item; None when there is none."""
        items = self._replica.items
        slot = items.find(name)
        if slot is None:
            return None
        published, filed = items.published[slot], bool(items.index.filed_n[slot])
        written = int(items.index.time_n[slot])
        return ItemState(
            id=name,
            retrievable=bool(items.shown(np.array([slot]))[0]),
            bare=published is not None and published.bare,
            published=published.published if published else None,
            features=published.features if published else {},
            attributes=published.attributes if published else {},
            clusters=[int(items.index.cluster_n[slot])] if filed else None,
            bias=self._bias(slot) if filed else None,
            popularity=_finite(items.index.popularity_nh[slot]) if filed else None,
            log_share=self._log_share(slot) if filed else None,
            exposures=int(items.index.exposures_n[slot]) if filed else None,
            version=int(items.index.version_n[slot]) if filed else None,
            time=written if filed else None,
            age_s=(now_ms() - written) / 1000 if filed else None,
        )

    def clusters(self, order: ClusterOrder, limit: int) -> ClusterList:
        """Clusters that hold or held something, those with the most first, or by id."""
        shares = self._replica.shares
        used = (np.flatnonzero(self._replica.items.postings.size_k) - 1).tolist()
        known = sorted({*shares.items, *shares.exposures, *used})
        states = [self._cluster(cluster) for cluster in known]
        if order == "items":
            states.sort(key=lambda state: -state.items)
        elif order == "exposures":
            states.sort(key=lambda state: -state.exposures)
        return ClusterList(states[:limit], len(states))

    def cluster(self, cluster: int, limit: int) -> ClusterItems | None:
        """One cluster and its best items; None when no such cluster exists."""
        postings = self._replica.items.postings
        if not UNFILED <= cluster < postings.n_clusters:
            return None
        best = postings.items_of(cluster)[:limit]
        return ClusterItems(self._cluster(cluster), self._replica.items.names(best))

    def _cluster(self, cluster: int) -> ClusterState:
        shares, postings = self._replica.shares, self._replica.items.postings
        retrievable = int(postings.size_k[cluster + 1]) if cluster < postings.n_clusters else 0
        return ClusterState(cluster, shares.items[cluster], shares.exposures[cluster], retrievable)

    def _bias(self, slot: int) -> dict[str, float]:
        model, values = self._replica.model, self._replica.items.index.bias_nt[slot].tolist()
        names = [task.name for task in model.config.tasks] if model else [str(t) for t in range(len(values))]
        return dict(zip(names, values, strict=False))

    def _log_share(self, slot: int) -> float | None:
        model = self._replica.model
        if model is None:
            return None
        counts = self._replica.items.popularity(np.array([slot]))
        return float(log_share(counts, model.log_mass_h[model.active_half_life])[0])


def perplexity(sizes_k: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """exp of the entropy of the sizes: how many equally large clusters would be as evenly filled.

    >>> round(perplexity(np.array([5.0, 5.0, 0.0])), 6)
    2.0
    """
    held = sizes_k[sizes_k > 0]
    if not len(held):
        return 0.0
    shares = held / held.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _finite(values_h: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    return [value for value in values_h.tolist() if np.isfinite(value)]
