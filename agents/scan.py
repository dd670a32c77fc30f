"""One slice of a scan: which rows are not where the present version files them. Reads and computes; writes nothing."""

from dataclasses import dataclass, field

import msgspec
from streamvq_client.rows import ItemIndexRow, ItemRow, decode_item, decode_item_index

from agents.partition_rows import IndexTables, present_cluster
from agents.placer import Placer
from pipeline.eligibility import Eligibility


@dataclass(frozen=True, slots=True)
class Finding:
    """An `item_index` row that should change, and what both rows were when that was found."""

    key: bytes
    item_value: bytes
    index_value: bytes
    row: ItemIndexRow


@dataclass(slots=True)
class Slice:
    """What a slice showed.

    Attributes:
        rows: rows looked at.
        moved: findings whose cluster changed.
        expired: keys of deletion marks that are old enough to go, with their values.
        next_key: where the next slice begins, empty at the end of the table.
    """

    rows: int = 0
    moved: int = 0
    findings: list[Finding] = field(default_factory=list)
    expired: list[tuple[bytes, bytes]] = field(default_factory=list)
    next_key: bytes = b""


class SliceScanner:
    """Looks at the items of a partition, some at a time, in the order of their keys."""

    def __init__(
        self, tables: IndexTables, placer: Placer, dead_band: float, mark_ttl_ms: int, eligible: Eligibility
    ) -> None:
        """A row whose cluster stays is left alone unless its bias moved further than `dead_band`.

        Items whose attributes are not `eligible` are left where they are: to become so they are published again, and
        are placed then.
        """
        self._tables, self._placer, self._eligible = tables, placer, eligible
        self._dead_band, self._mark_ttl_ms = dead_band, mark_ttl_ms

    async def look(self, partition: int, after: bytes, limit: int, now_ms: int) -> Slice:
        """The slice of at most `limit` rows behind `after`."""
        found = Slice()
        values = self._tables.items.scan(partition, after, limit)
        found.rows = len(values)
        found.next_key = values[-1][0] if len(values) == limit else b""
        live: list[tuple[bytes, bytes, ItemRow]] = []
        for key, value in values:
            row = decode_item(value)
            if row.deleted is None:
                if self._eligible.allows(row.attributes, row.features):
                    live.append((key, value, row))
            elif now_ms - row.deleted > self._mark_ttl_ms:
                found.expired.append((key, value))
        await self._place(partition, live, found, now_ms)
        return found

    async def _place(self, partition: int, live: list[tuple[bytes, bytes, ItemRow]], found: Slice, now_ms: int) -> None:
        index = self._tables.item_index.multi_get(partition, [key for key, _, _ in live])
        rows = [
            (key, value, item, index_value, decode_item_index(index_value))
            for (key, value, item), index_value in zip(live, index, strict=True)
            if index_value is not None
        ]
        if not rows:
            return
        placed = await self._placer.place(
            [key.decode() for key, *_ in rows],
            [item.features for _, _, item, *_ in rows],
            [present_cluster(row) for *_, row in rows],
        )
        clusters, biases = placed.clusters_n.tolist(), placed.bias_nt.tolist()
        for (key, value, _, index_value, row), cluster, bias in zip(rows, clusters, biases, strict=True):
            moved = cluster != present_cluster(row)
            if row.version > placed.version or not (moved or self._drifted(row.bias, bias)):
                continue
            found.moved += moved
            better = msgspec.structs.replace(row, clusters=[cluster], bias=bias, version=placed.version, time=now_ms)
            found.findings.append(Finding(key, value, index_value, better))

    def _drifted(self, before: list[float], now: list[float]) -> bool:
        return len(before) != len(now) or any(abs(b - n) > self._dead_band for b, n in zip(before, now, strict=True))
