"""The scanner: files every item of a partition anew, each equally often, without publishing it again and again."""

import asyncio
import time
from typing import Any

import structlog

from agents.cluster_share import ClusterShare
from agents.indexer_metrics import IndexerMetrics
from agents.partition_rows import IndexTables, PartitionRows
from agents.placer import Placer, Stage
from agents.scan import Finding, Slice, SliceScanner
from agents.shares import Shares
from tables.errors import ShardLost
from tables.guard import guarded
from tables.shard import Shard, Step

log = structlog.get_logger(__name__)

SLICE_ROWS = 256
URGENT_ROWS = 2048


class Scanner:
    """Walks the partitions of the shards owned, a full pass each interval, in slices spread evenly over it.

    The first pass after the codebook appeared does not sleep: nothing is filed until it is done.
    """

    def __init__(
        self,
        slices: SliceScanner,
        tables: IndexTables,
        shares: Shares,
        placer: Placer,
        metrics: IndexerMetrics,
        interval_s: float,
    ) -> None:
        self._slices, self._tables, self._shares, self._placer = slices, tables, shares, placer
        self._metrics, self._interval_s = metrics, interval_s
        self._walks: dict[str, asyncio.Task[None]] = {}
        self._heard_ms: dict[str, int] = {}  # as of the last full pass

    async def begin(self, shard: Shard) -> None:
        """Walk a shard from now on, once it is ready."""
        self._walks[shard.name] = guarded(self._walk(shard), name=f"scan {shard.name}")

    async def end(self, shard: Shard) -> None:
        """The shard is lost."""
        walk = self._walks.pop(shard.name, None)
        if walk is not None:
            walk.cancel()
        self._heard_ms.pop(shard.name, None)

    async def _walk(self, shard: Shard) -> None:
        try:
            await shard.ready.wait()
            done = Stage.CODEBOOK if self._all_filed(shard) else Stage.TOWERS
            while shard.owned:
                await self._placer.beyond(Stage.NOTHING).wait()
                stage = self._placer.stage
                if await self._pass(shard, stage, urgent=stage > done):
                    done = max(done, stage)
        except ShardLost:
            pass

    def _all_filed(self, shard: Shard) -> bool:
        share = self._shares[shard.partitions[0]]
        return 0 < share.items == share.filed

    async def _pass(self, shard: Shard, stage: Stage, *, urgent: bool) -> bool:
        """Every row once, with sleep between slices unless it is urgent; False if the model got to its next stage."""
        partition = shard.partitions[0]
        share = self._shares[partition]
        started, rows, moved, heard_ms, key = time.monotonic(), 0, 0, 0, b""
        expected, limit = max(1, share.items), URGENT_ROWS if urgent else SLICE_ROWS
        while shard.owned:
            found = await self._slices.look(
                partition, key, limit, time.time_ns() // 1_000_000, self._heard_ms.get(shard.name)
            )
            if found.findings or found.expired or found.outlived:
                await self._write(shard, partition, found, share)
            rows, moved, key = rows + found.rows, moved + found.moved, found.next_key
            heard_ms = max(heard_ms, found.heard_ms)
            self._count(found)
            if not key:
                break
            if not urgent and await self._sleep(started + self._interval_s * min(1.0, rows / expected), stage):
                return False
        self._heard_ms[shard.name] = heard_ms
        seconds = time.monotonic() - started
        self._metrics.scan_seconds.labels(partition).set(seconds)
        self._metrics.misplaced.labels(partition).set(moved / max(1, rows))
        if urgent and moved:
            log.info("items filed", partition=partition, rows=rows, moved=moved, seconds=round(seconds, 2))
        return not await self._sleep(started + self._interval_s, stage)

    async def _sleep(self, until: float, stage: Stage) -> bool:
        """Whether the model got to its next stage before that time."""
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await self._placer.beyond(stage).wait()
        except TimeoutError:
            return False
        return True

    async def _write(self, shard: Shard, partition: int, found: Slice, share: ClusterShare) -> None:
        """What still holds of the findings: rows that changed since the slice was read are left to the next pass."""
        step: Step[Any]
        now_ms = time.time_ns() // 1_000_000
        async with shard.step() as step:
            rows = PartitionRows(step, partition, self._tables, share)
            rows.load(finding.key.decode() for finding in (*found.findings, *found.outlived))
            for finding in found.findings:
                if self._holds(step, partition, finding):
                    rows.put_index(finding.key.decode(), finding.row)
            for old in found.outlived:
                if self._holds(step, partition, old):
                    rows.delete(old.key.decode(), now_ms)
            for key, value in found.expired:
                if step.get(self._tables.items, partition, key) == value:
                    step.put(self._tables.items, partition, key, None)
            rows.close(now_ms)

    def _holds(self, step: Step[Any], partition: int, finding: Finding) -> bool:
        same_item = step.get(self._tables.items, partition, finding.key) == finding.item_value
        return same_item and step.get(self._tables.item_index, partition, finding.key) == finding.index_value

    def _count(self, found: Slice) -> None:
        written = len(found.findings)
        self._metrics.scanned.labels("kept").inc(found.rows - written - len(found.expired) - len(found.outlived))
        self._metrics.scanned.labels("outlived").inc(len(found.outlived))
        self._metrics.scanned.labels("moved").inc(found.moved)
        self._metrics.scanned.labels("bias").inc(written - found.moved)
        self._metrics.scanned.labels("expired").inc(len(found.expired))
