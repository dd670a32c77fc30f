"""The agent that takes the trainer's placements: newest version wins, popularity and exposures always advance."""

import asyncio
import time
from collections import Counter
from typing import NamedTuple

import numpy as np
from streamvq_client.rows import NO_CLUSTER, ItemIndexRow, ItemRow

from agents.indexer_metrics import IndexerMetrics
from agents.partition_rows import IndexTables, ItemMark, PartitionRows, arrived_ms, present_cluster
from agents.shares import Shares
from schemas.assignments import AssignmentBlock, decode, encode
from tables.position import Event
from tables.shard import Shard, Step


class Placing(NamedTuple):
    """One row of a block."""

    item: str
    clusters: list[int]
    bias: list[float]
    popularity: list[float]
    exposures: int
    version: int


class Assignments:
    """Handles the placements of one partition, a step at a time."""

    def __init__(
        self,
        topic: str,
        partitions: int,
        tables: IndexTables,
        shares: Shares,
        metrics: IndexerMetrics,
        *,
        bare_items: bool,
    ) -> None:
        """`bare_items`: an exposed item that nobody published gets a row of its own."""
        self._topic, self._partitions = topic, partitions
        self._tables, self._shares, self._metrics, self._bare_items = tables, shares, metrics, bare_items

    async def handle(self, shard: Shard, step: Step[Event]) -> None:
        """Rows for every placement. A block that cannot be read stops the worker: its exposures would be lost."""
        partition = shard.partitions[0]
        rows = PartitionRows(step, partition, self._tables, self._shares[partition])
        now_ms = time.time_ns() // 1_000_000
        for event in step.events:
            block = self._at_home(step, partition, decode(event.message.value or b""))
            rows.load(block.ids)
            heard_ms = arrived_ms(event.message, now_ms)
            results = Counter(self._take(rows, placing, heard_ms) for placing in _rows(block))
            for result, count in results.items():
                self._metrics.assignments.labels(result).inc(count)
            await asyncio.sleep(0)  # a block is some thousand rows; heartbeats and other partitions come between
        rows.close(now_ms)

    def _at_home(self, step: Step[Event], partition: int, block: AssignmentBlock) -> AssignmentBlock:
        """What of the block lives here; the rest was sent when there were fewer partitions, and goes where it lives."""
        at_home = block.take(np.zeros(0, np.intp))
        for home, part in block.split(self._partitions, max_rows=len(block)):
            if home == partition:
                at_home = part
            else:
                step.send(self._topic, home, None, encode(part))
        return at_home

    def _take(self, rows: PartitionRows, placing: Placing, heard_ms: int) -> str:
        mark, before = rows.mark(placing.item), rows.index(placing.item)
        if mark is not None and mark.deleted is not None:
            rows.add_exposures(NO_CLUSTER, placing.exposures)
            return "deleted"
        if mark is None:
            if not self._bare_items:
                rows.add_exposures(NO_CLUSTER, placing.exposures)
                return "unknown"
            mark = ItemMark(published=heard_ms, bare=True)
            rows.put_item(placing.item, ItemRow({}, {}, mark.published, bare=True))
        stale = before is not None and before.version > placing.version
        exposures = (before.exposures if before else 0) + placing.exposures
        rows.put_index(
            placing.item,
            ItemIndexRow(
                clusters=before.clusters if before and stale else placing.clusters,
                bias=before.bias if before and stale else placing.bias,
                # Placed without an exposure, as after a rollback: readers take what a new item has in their version.
                popularity=placing.popularity if exposures else [],
                exposures=exposures,
                version=before.version if before and stale else placing.version,
                time=heard_ms if placing.exposures or before is None else before.time,
                published=mark.published,
            ),
        )
        # Counted where the item was filed when they arrived, and never moved afterwards.
        rows.add_exposures(present_cluster(before or rows.index(placing.item)), placing.exposures)
        return "stale" if stale else "placed" if before else "new"


def _rows(block: AssignmentBlock) -> list[Placing]:
    columns = zip(
        block.ids,
        block.clusters.tolist(),
        block.bias.tolist(),
        block.popularity.tolist(),
        block.exposures.tolist(),
        strict=True,
    )
    return [Placing(*column, block.version) for column in columns]
