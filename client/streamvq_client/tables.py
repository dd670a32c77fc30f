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
    """

    name: str
    application: str
    decode: Callable[[bytes], Row]

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
        Table("clusters", "indexer", decode_cluster),
        Table("histories", "trainer", decode_history),
    )
}
