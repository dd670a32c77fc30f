"""Rows as the server holds them: those of the tables, of one user, of the members of a cluster."""

from typing import Any, Literal

import msgspec
import numpy as np

from pipeline.layout import USER_TABLE
from pipeline.popularity import log_share
from pipeline.postings import UNFILED
from schemas.http import QueryError
from schemas.http_state import (
    AttributeList,
    AttributeState,
    Liked,
    Member,
    MemberPage,
    TableList,
    TableRow,
    UserState,
)
from serving.replica import Replica

TableName = Literal["items", "item_index", "clusters", "histories"]


class Rows:
    """Reads the replica row by row.

    Args:
        replica: what is read.
    """

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    def tables(self) -> TableList:
        """How many rows there are."""
        replica = self._replica
        return TableList(
            {
                "items": int(np.count_nonzero(replica.items.live_n)),
                "item_index": int(np.count_nonzero(replica.items.index.filed_n)),
                "clusters": len(replica.shares.known()),
                "histories": len(replica.histories),
            }
        )

    def row(self, table: TableName, key: str) -> TableRow | None:
        """One row; None when there is none."""
        match table:
            case "items":
                found = self._item(key)
            case "item_index":
                found = self._index(key)
            case "clusters":
                found = self._cluster(key)
            case "histories":
                history = self._replica.histories.get(key)
                found = None if history is None else {"items": history.items, "times": history.times}
        return None if found is None else TableRow(table, key, found)

    def user(self, name: str) -> UserState | None:
        """What is known of a user; None when nothing is."""
        model, row = self._replica.model, self._replica.histories.get(name)
        embedded = model is not None and name in model.tables[USER_TABLE].ids
        if row is None and not embedded:
            return None
        history = [] if row is None else [Liked(*one) for one in zip(row.items, row.times, strict=True)]
        return UserState(name, history, embedded)

    def members(self, cluster: int, task: str | None, offset: int, limit: int) -> MemberPage | None:
        """A page of a cluster's items in the order of a task; None when there is no such cluster.

        Raises:
            QueryError: there is no such task.
        """
        items, postings = self._replica.items, self._replica.items.postings
        if not UNFILED <= cluster < postings.n_clusters:
            return None
        names = self._tasks()
        if task is not None and task not in names:
            raise QueryError("unknown_task", f"There is no task {task!r}.", f"Name one of {', '.join(names)}.")
        rows = postings.items_of(cluster, 0 if task is None else names.index(task)).astype(np.int64)
        page = rows[offset : offset + limit]
        bias = items.index.bias(page, max(len(names), 1)).tolist()
        shares = self._log_shares(page)
        columns = (
            items.names(page),
            [dict(zip(names, values, strict=False)) for values in bias],
            shares,
            items.index.exposures_n[page].tolist(),
            items.index.version_n[page].tolist(),
            items.attributes(page),
        )
        members = [Member(*one) for one in zip(*columns, strict=True)]
        further = offset + limit if offset + limit < len(rows) else None
        return MemberPage(cluster, task or next(iter(names), None), members, offset, len(rows), further)

    def attributes(self, limit: int) -> AttributeList:
        """What items were published with."""
        names = self._replica.items.columns.names
        return AttributeList([AttributeState(*one) for one in names.most_common(limit)], len(names))

    def _tasks(self) -> list[str]:
        model = self._replica.model
        return [task.name for task in model.config.tasks] if model else []

    def _log_shares(self, rows_n: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[float | None]:
        model = self._replica.model
        if model is None:
            return [None] * len(rows_n)
        counts = self._replica.items.popularity(rows_n)
        shares: list[float | None] = log_share(counts, model.log_mass_h[model.active_half_life]).tolist()
        return shares

    def _item(self, name: str) -> dict[str, Any] | None:
        items = self._replica.items
        slot = items.find(name)
        row = None if slot is None else items.published[slot]
        return None if row is None else msgspec.structs.asdict(row)

    def _index(self, name: str) -> dict[str, Any] | None:
        items, index = self._replica.items, self._replica.items.index
        slot = items.find(name)
        if slot is None or not index.filed_n[slot]:
            return None
        return {
            "clusters": [int(index.cluster_n[slot])],
            "bias": index.bias_nt[slot].tolist(),
            "popularity": [value for value in index.popularity_nh[slot].tolist() if np.isfinite(value)],
            "exposures": int(index.exposures_n[slot]),
            "version": int(index.version_n[slot]),
            "time": int(index.time_n[slot]),
            "published": items.published_at(slot),
        }

    def _cluster(self, key: str) -> dict[str, Any] | None:
        shares = self._replica.shares
        known = {str(cluster): cluster for cluster in shares.known()}
        if key not in known:
            return None
        return {"items": shares.items[known[key]], "exposures": shares.exposures[known[key]]}
