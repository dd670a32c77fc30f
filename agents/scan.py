"""One slice of a scan: which rows are not where the present version files them. Reads and computes; writes nothing."""

from dataclasses import dataclass, field

import msgspec
from streamvq_client.rows import ItemIndexRow, ItemRow, decode_item, decode_item_index

from agents.partition_rows import IndexTables, present_cluster
from agents.placer import Placer
from pipeline.eligibility import Eligibility

_Both = tuple[bytes, bytes, ItemRow, bytes, ItemIndexRow]  # key, both values, both rows


@dataclass(frozen=True, slots=True)
class Finding:
    """An `item_index` row that should change or go, and what both rows were when that was found."""

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
        outlived: items of which nothing was heard for longer than they live.
        heard_ms: when something was heard of any of them last, ms since 1970.
        next_key: where the next slice begins, empty at the end of the table.
    """

    rows: int = 0
    moved: int = 0
    findings: list[Finding] = field(default_factory=list)
    expired: list[tuple[bytes, bytes]] = field(default_factory=list)
    outlived: list[Finding] = field(default_factory=list)
    heard_ms: int = 0
    next_key: bytes = b""


class SliceScanner:
    """Looks at the items of a partition, some at a time, in the order of their keys."""

    def __init__(
        self,
        tables: IndexTables,
        placer: Placer,
        dead_band: float,
        mark_ttl_ms: int,
        eligible: Eligibility,
        item_ttl_ms: int | None = None,
    ) -> None:
        """A row whose cluster stays is left alone unless its bias moved further than `dead_band`.

        Items whose attributes are not `eligible` are left where they are: to become so they are published again, and
        are placed then.
        """
        self._tables, self._placer, self._eligible = tables, placer, eligible
        self._dead_band, self._mark_ttl_ms, self._item_ttl_ms = dead_band, mark_ttl_ms, item_ttl_ms

    async def look(self, partition: int, after: bytes, limit: int, now_ms: int, heard_ms: int | None = None) -> Slice:
        """The slice of at most `limit` rows behind `after`.

        Items live as of `heard_ms`, when something was heard of any item of the partition last; None: not known yet.
        By the wall clock an outage would look as if nobody wanted anything any more, and empty the index.
        """
        found = Slice()
        values = self._tables.items.scan(partition, after, limit)
        found.rows = len(values)
        found.next_key = values[-1][0] if len(values) == limit else b""
        live: list[tuple[bytes, bytes, ItemRow]] = []
        for key, value in values:
            row = decode_item(value)
            if row.deleted is None:
                live.append((key, value, row))
            elif now_ms - row.deleted > self._mark_ttl_ms:
                found.expired.append((key, value))
        rows = self._with_index(partition, live)
        found.heard_ms = max((row.time for *_, row in rows), default=0)
        old = set[bytes]()
        if self._item_ttl_ms is not None and heard_ms is not None:
            found.outlived = [
                Finding(key, value, index_value, row)
                for key, value, _, index_value, row in rows
                if heard_ms - row.time > self._item_ttl_ms
            ]
            old = {one.key for one in found.outlived}
        await self._place([one for one in rows if one[0] not in old and self._placed(one[2])], found)
        return found

    def _placed(self, item: ItemRow) -> bool:
        return self._eligible.allows(item.attributes, item.features)

    def _with_index(self, partition: int, live: list[tuple[bytes, bytes, ItemRow]]) -> list[_Both]:
        index = self._tables.item_index.multi_get(partition, [key for key, _, _ in live])
        return [
            (key, value, item, index_value, decode_item_index(index_value))
            for (key, value, item), index_value in zip(live, index, strict=True)
            if index_value is not None
        ]

    async def _place(self, rows: list[_Both], found: Slice) -> None:
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
            better = msgspec.structs.replace(row, clusters=[cluster], bias=bias, version=placed.version)
            found.findings.append(Finding(key, value, index_value, better))

    def _drifted(self, before: list[float], now: list[float]) -> bool:
        return len(before) != len(now) or any(abs(b - n) > self._dead_band for b, n in zip(before, now, strict=True))
