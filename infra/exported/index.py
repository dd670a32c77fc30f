"""The index as Kafka holds it: items, where they are filed, clusters, and vectors of the model's last version."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from streamvq_client.errors import FormatError
from streamvq_client.rows import ClusterRow, HistoryRow, ItemIndexRow, ItemRow, Row
from streamvq_client.snapshot import read_table
from streamvq_client.tables import TABLES

from agents.stored_version import changes_of, read_version
from pipeline.arrays import Doubles, Floats
from pipeline.inputs import UserInputs
from pipeline.model import Model
from schemas.commit import Commit
from schemas.errors import InvariantError
from schemas.kafka import connection
from schemas.settings import Settings

AT_A_TIME = 4096

Show = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Block:
    """N items: their rows, None where one is not filed yet, and what the model makes of them.

    Attributes:
        log_share_n: log p of each, as scores have it.
    """

    ids: list[str]
    items: list[ItemRow]
    index: list[ItemIndexRow | None]
    vectors_nd: Floats
    bias_nt: Floats
    log_share_n: Doubles

    def whole_nd(self, gamma: float) -> Floats:
        """[v, bias a task, gamma log p]: times [sum of w u, w a task, sum of w] it is the weighed sum of the scores."""
        prior_n = (gamma * self.log_share_n).astype(np.float32)
        whole: Floats = np.concatenate((self.vectors_nd, self.bias_nt, prior_n[:, None]), axis=1)
        return whole


@dataclass(frozen=True, slots=True)
class Index:
    """What was read: rows as they were, one moment after the model's version."""

    prefix: str
    commit: Commit
    model: Model
    items: Mapping[str, ItemRow]
    index: Mapping[str, ItemIndexRow]
    clusters: Mapping[int, ClusterRow]

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, in the order of biases."""
        return [task.name for task in self.model.config.tasks]

    def blocks(self, show: Show = lambda _: None) -> Iterator[Block]:
        """All live items, some thousand at a time, in the order of their ids."""
        ids = sorted(self.items)
        for begin in range(0, len(ids), AT_A_TIME):
            show(begin / len(ids))
            some = ids[begin : begin + AT_A_TIME]
            rows, filed = [self.items[name] for name in some], [self.index.get(name) for name in some]
            vectors = self.model.items(some, [row.features for row in rows])
            yield Block(some, rows, filed, vectors.v_nd, vectors.bias_nt, self._log_share(filed))

    def _log_share(self, filed: list[ItemIndexRow | None]) -> Doubles:
        initial = self.model.initial_popularity()
        counts = [row.popularity if row is not None and row.exposures else initial for row in filed]
        return self.model.log_share(np.array(counts, np.float64).reshape(len(filed), len(initial)))


async def read_index(settings: Settings, show: Show = lambda _: None) -> Index:
    """Read Kafka; a trainer and indexers may be at work meanwhile.

    Raises:
        TopicsError: there is no model yet.
        InvariantError: the topics are not what workers write.
    """
    arguments = connection(settings.kafka)
    stored = await read_version(arguments, settings.topics, lambda share: show(share / 2))
    model = Model(stored.config, sides=("user", "item"), strict=False)
    model.apply(changes_of(stored.parameters))
    items = await _rows(settings, "items", ItemRow)
    show(2 / 3)
    index = await _rows(settings, "item_index", ItemIndexRow)
    show(5 / 6)
    live = {name: row for (_, name), row in items.items() if row.deleted is None}
    clusters: dict[int, ClusterRow] = {}
    for (_, name), share in (await _rows(settings, "clusters", ClusterRow)).items():
        last = clusters.get(int(name), ClusterRow(0, 0, 0))
        clusters[int(name)] = ClusterRow(
            last.items + share.items, last.exposures + share.exposures, max(last.time, share.time)
        )
    filed = {name: row for (_, name), row in index.items() if name in live}
    return Index(settings.kafka.prefix, stored.commit, model, live, filed, dict(sorted(clusters.items())))


async def user_vectors(settings: Settings, index: Index) -> Iterator[tuple[list[str], Floats]]:
    """Query vectors of all users with a history, (N, d + T + 1), all tasks alike: from ids and histories alone."""
    histories = {name: row for (_, name), row in (await _rows(settings, "histories", HistoryRow)).items()}
    return _user_blocks(index.model, histories)


def _user_blocks(model: Model, histories: Mapping[str, HistoryRow]) -> Iterator[tuple[list[str], Floats]]:
    ids, tasks = sorted(histories), model.config.n_tasks
    for begin in range(0, len(ids), AT_A_TIME):
        some = ids[begin : begin + AT_A_TIME]
        users_btd = model.users(UserInputs(some, history_items=[histories[name].items for name in some]))
        rest = np.tile(np.array([*[1.0] * tasks, tasks], np.float32), (len(some), 1))
        yield some, np.concatenate((users_btd.sum(axis=1), rest), axis=1)


async def _rows(settings: Settings, name: str, kind: type[Any]) -> dict[tuple[int, str], Any]:
    table = TABLES[name]
    topic = table.topic(settings.kafka.prefix)
    rows: dict[tuple[int, str], Row] = {}
    for (partition, key), record in (await read_table(connection(settings.kafka), topic)).items():
        try:
            row = table.decode(record.value or b"")
            rows[partition, key.decode()] = row
        except (FormatError, UnicodeDecodeError) as error:
            raise InvariantError(f"{topic}[{partition}] offset {record.offset}, key {key!r}: {error}") from error
        assert isinstance(row, kind)  # noqa: S101 - a table has rows of one kind
    return rows
