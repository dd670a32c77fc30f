"""Rows of a table as people read them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from streamvq_client.errors import FormatError
from streamvq_client.rows import ClusterRow, Row
from streamvq_client.snapshot import read_table
from streamvq_client.tables import TABLES

from infra.commands.kafka_reading import run
from schemas.errors import InvariantError
from schemas.kafka import connection
from schemas.settings import Settings

TIMES = {"published", "deleted", "time", "times"}


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row with its key. `partition` is None where the partitions were added up."""

    key: str
    partition: int | None
    row: Row

    @property
    def plain(self) -> dict[str, Any]:
        """JSON types; times in ms since 1970."""
        place = {} if self.partition is None else {"partition": self.partition}
        return {"key": self.key, **place, "row": _fields(self.row)}

    @property
    def line(self) -> str:
        """One line, tabs between key, partition and fields; times in UTC."""
        fields = (f"{name}={_text(name, value)}" for name, value in _fields(self.row).items())
        place = [] if self.partition is None else [f"partition={self.partition}"]
        return "\t".join([self.key, *place, *fields])


def read_rows(
    settings: Settings,
    name: str,
    *,
    keys: Collection[bytes] | None = None,
    key_prefix: bytes = b"",
    by_partition: bool = False,
) -> list[ShownRow]:
    """The rows of a table in the order of their keys; of `clusters` the partitions are added up unless asked for."""
    table = TABLES[name]
    topic = table.topic(settings.kafka.prefix)
    records = run(settings, read_table(connection(settings.kafka), topic, keys=keys, key_prefix=key_prefix))
    shown: list[ShownRow] = []
    for (partition, key), record in records.items():
        try:
            shown.append(ShownRow(key.decode(errors="replace"), partition, table.decode(record.value or b"")))
        except FormatError as error:
            raise InvariantError(f"{topic}[{partition}] offset {record.offset}, key {key!r}: {error}") from error
    if name == "clusters" and not by_partition:
        shown = _added_up(shown)
    return sorted(shown, key=_order)


def _added_up(shares: list[ShownRow]) -> list[ShownRow]:
    totals: dict[str, ClusterRow] = {}
    for share in shares:
        row = share.row
        assert isinstance(row, ClusterRow)  # noqa: S101 - only that table has shares
        last = totals.get(share.key, ClusterRow(0, 0, 0))
        totals[share.key] = ClusterRow(last.items + row.items, last.exposures + row.exposures, max(last.time, row.time))
    return [ShownRow(key, None, row) for key, row in totals.items()]


def _order(shown: ShownRow) -> tuple[int, str, int]:
    cluster = int(shown.key) if isinstance(shown.row, ClusterRow) and shown.key.lstrip("-").isdecimal() else 0
    return cluster, shown.key, shown.partition or 0


def _fields(row: Row) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(row)
    return {name: value for name, value in fields.items() if name != "v"}


def _text(name: str, value: Any) -> str:
    if isinstance(value, list) and name in TIMES:
        return "[" + ", ".join(_text(name, one) for one in value) + "]"
    if isinstance(value, int) and name in TIMES:
        try:
            return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="milliseconds")
        except (ValueError, OverflowError, OSError):
            return str(value)
    return msgspec.json.encode(value).decode()
