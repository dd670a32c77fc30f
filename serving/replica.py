"""The live copy of index and model that queries are answered from."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from streamvq_client.errors import FormatError
from streamvq_client.record import Record
from streamvq_client.rows import HistoryRow, decode_item, decode_item_index
from streamvq_client.shares import Shares
from streamvq_client.tables import HISTORIES, key_of, put_each

from pipeline.changes import Changes
from pipeline.config import ModelConfig
from pipeline.eligibility import EVERYTHING, Eligibility
from pipeline.layout import ITEM_TABLE
from pipeline.model import Model
from pipeline.rankers.attentive import AttentiveRanker, FiledByName
from schemas.commit import Commit
from schemas.errors import InvariantError
from schemas.topics import Topics
from serving.items import Items, Order
from serving.stream_time import StreamTime
from serving.vectors import Vectors

Put = Callable[[Record], object]


class Replica:
    """Rows of four tables and one whole version of the model, in memory.

    One thread owns it. Whoever changes it does so in short synchronous pieces (`apply`, `activate`) between which
    queries run, so every query sees one state, and none waits for longer than one piece.

    Attributes:
        model: None until a version was read.
        commit: the record that closed that version.
        time: how late it is in the stream.
        steady: held by whoever needs several pieces to see the same version.
    """

    def __init__(self, topics: Topics, eligible: Eligibility = EVERYTHING, time: StreamTime | None = None) -> None:
        self._eligible = eligible
        self.time = time or StreamTime()
        self.items = Items(self._eligible)
        self.histories: dict[str, HistoryRow] = {}
        self.shares = Shares()
        self.model: Model | None = None
        self.commit: Commit | None = None
        self.vectors: Vectors | None = None
        self.steady = asyncio.Lock()
        self._put: dict[str, Put] = {
            topics.items_changelog: self._put_item,
            topics.item_index_changelog: self._put_index,
            topics.clusters_changelog: self.shares.take,
            topics.histories_changelog: self._put_history,
        }
        self._held: dict[str, Callable[[], Iterable[tuple[int, bytes]]]] = {
            topics.items_changelog: lambda: _keys(self.items.names(np.flatnonzero(self.items.live_n))),
            topics.item_index_changelog: lambda: _keys(self.items.names(np.flatnonzero(self.items.index.filed_n))),
            topics.clusters_changelog: self.shares.held,
            topics.histories_changelog: lambda: _keys(self.histories),
        }

    @property
    def topics(self) -> list[str]:
        """Changelogs that `apply` takes records of."""
        return list(self._put)

    def apply(self, records: Sequence[Record]) -> None:
        """Take changelog records in the order of their topics; rows and posting lists change together.

        Raises:
            InvariantError: a record is none that an indexer or a trainer writes.
        """
        try:
            put_each(records, self._put)
        except FormatError as error:
            raise InvariantError(str(error)) from error
        finally:
            self.items.settle(self._eligible.oldest(self.time.now))

    def activate(self, changes: Changes, commit: Commit, config: ModelConfig) -> None:
        """Go on to a version: `changes` are what changed since the one in force, everything for the first."""
        model = self.model or Model(config)
        model.apply(changes)
        self.exchange(model, commit)

    def exchange(self, model: Model, commit: Commit) -> None:
        """Go on with this model, be it of another configuration; in one piece, so that no query sees both."""
        if model is not self.model:
            self.model = model
            tasks = model.config.n_tasks
            self.vectors = Vectors(self.items, model.rank_items, model.ranker.item_width, tasks)
            if isinstance(model.ranker, AttentiveRanker):
                model.ranker.clusters_of = FiledByName(model.tables[ITEM_TABLE].ids.names, self.items.clusters)
        self.commit = commit
        if self.vectors is not None:
            self.vectors.forget()
        self.items.postings.grow(model.codebook.n_codes)
        active, config = model.active_half_life, model.config
        self.items.reorder(Order(config.n_tasks, active, config.gamma, float(model.initial_popularity()[active])))

    def held(self, topic: str) -> Iterable[tuple[int, bytes]]:
        """Partition and key of every row of a changelog that is in use; the partition counts only for `clusters`."""
        return self._held[topic]()

    def _put_item(self, record: Record) -> None:
        # Not `Table.read`: a tenth of what a row costs went into it.
        self.items.put_item(key_of(record), decode_item(record.value) if record.value is not None else None)

    def _put_index(self, record: Record) -> None:
        self.items.put_index(key_of(record), decode_item_index(record.value) if record.value is not None else None)

    def _put_history(self, record: Record) -> None:
        user, row = HISTORIES.read(record)
        if row is None:
            self.histories.pop(user, None)
        else:
            self.histories[user] = row
            self.time.saw(user, row.times)


def _keys(names: Iterable[str]) -> Iterator[tuple[int, bytes]]:
    # The names as they are now, encoded one by one: for millions of them that takes longer than a query may wait.
    return ((0, name.encode()) for name in list(names))
