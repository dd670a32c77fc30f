"""The four tables as topics: which application writes each, and what its rows are."""

from collections.abc import Callable
from dataclasses import dataclass

from streamvq_client.rows import Row, decode_cluster, decode_history, decode_item, decode_item_index


@dataclass(frozen=True, slots=True)
class Table:
    """A table that anybody can read from its changelog.

    Attributes:
        name: the table's.
        application: last part of the writing application's name.
        decode: bytes to row; raises FormatError.
        homed: whether a row counts only in its key's home partition; of `clusters` every partition holds a share.
    """

    name: str
    application: str
    decode: Callable[[bytes], Row]
    homed: bool = True

    def topic(self, prefix: str) -> str:
        """Its changelog under this prefix.

        >>> TABLES["item_index"].topic("svq")
        'svq-indexer-item_index-changelog'
        """
        return f"{prefix}-{self.application}-{self.name}-changelog"


TABLES = {
    table.name: table
    for table in (
        Table("items", "indexer", decode_item),
        Table("item_index", "indexer", decode_item_index),
        Table("clusters", "indexer", decode_cluster, homed=False),
        Table("histories", "trainer", decode_history),
    )
}

_HOMED = tuple(table.topic("") for table in TABLES.values() if table.homed)


def is_homed(topic: str) -> bool:
    """Whether rows of a topic count only in the home partition of their key.

    >>> is_homed("svq-indexer-items-changelog"), is_homed("svq-indexer-clusters-changelog"), is_homed("svq-parameters")
    (True, False, False)
    """
    return topic.endswith(_HOMED)
