"""The four tables as topics: which application writes each, and what its rows are."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from streamvq_client.errors import FormatError
from streamvq_client.record import Record
from streamvq_client.rows import (
    ClusterRow,
    HistoryRow,
    ItemIndexRow,
    ItemRow,
    decode_cluster,
    decode_history,
    decode_item,
    decode_item_index,
)

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Table(Generic[R]):
    """A table that anybody can read from its changelog.

    Attributes:
        name: the table's.
        application: last part of the writing application's name.
        decode: bytes to row; raises FormatError.
        homed: whether a row counts only in its key's home partition; of `clusters` every partition holds a share.
    """

    name: str
    application: str
    decode: Callable[[bytes], R]
    homed: bool = True

    def topic(self, prefix: str) -> str:
        """Its changelog under this prefix.

        >>> ITEM_INDEX.topic("svq")
        'svq-indexer-item_index-changelog'
        """
        return f"{prefix}-{self.application}-{self.name}-changelog"

    def read(self, record: Record) -> tuple[str, R | None]:
        """Key and row of a record of it, None for a deletion; FormatError for what no worker writes."""
        return key_of(record), None if record.value is None else self.decode(record.value)


def key_of(record: Record) -> str:
    """The key of a row; FormatError for one that no worker writes."""
    if record.key is None:
        raise FormatError("a record has no key")
    try:
        return record.key.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"the key {record.key[:32]!r} is not UTF-8") from error


ITEMS: Final[Table[ItemRow]] = Table("items", "indexer", decode_item)
ITEM_INDEX: Final[Table[ItemIndexRow]] = Table("item_index", "indexer", decode_item_index)
CLUSTERS: Final[Table[ClusterRow]] = Table("clusters", "indexer", decode_cluster, homed=False)
HISTORIES: Final[Table[HistoryRow]] = Table("histories", "trainer", decode_history)
TABLES: Final[dict[str, Table[Any]]] = {table.name: table for table in (ITEMS, ITEM_INDEX, CLUSTERS, HISTORIES)}


def put_each(records: Iterable[Record], put: Mapping[str, Callable[[Record], object]]) -> None:
    """Hand each record to what takes those of its topic; a FormatError from there says which record it was."""
    for record in records:
        try:
            put[record.topic](record)
        except FormatError as error:
            raise type(error)(f"{record.topic} partition {record.partition} offset {record.offset}: {error}") from error


_HOMED = tuple(table.topic("") for table in TABLES.values() if table.homed)


def is_homed(topic: str) -> bool:
    """Whether rows of a topic count only in the home partition of their key.

    >>> is_homed("svq-indexer-items-changelog"), is_homed("svq-indexer-clusters-changelog"), is_homed("svq-parameters")
    (True, False, False)
    """
    return topic.endswith(_HOMED)
