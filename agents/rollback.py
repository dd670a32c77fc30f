"""Going back to an exported model: what it would change, and the one transaction that does it.

The version written is a new, higher one with the stream's present position: nothing is learnt twice, so the exposures
counted stay those published. Readers follow it as they follow any version. All live items are placed anew in the same
transaction, for codes and popularity go back with the model.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from aiokafka import TopicPartition
from streamvq_client.snapshot import read_topic

from agents.item_features import apply
from agents.placements import Blocks, placements
from agents.retold_histories import HistoryRows
from agents.stored_version import Kept, StoredVersion
from agents.trainer_state import differences
from pipeline.catalogue import Catalogue
from pipeline.changes import Changes
from pipeline.errors import RestoreError
from pipeline.layout import USER_TABLE
from pipeline.learner import Learner
from pipeline.trained_table import STATE_WIDTH
from schemas.arrays import encode_rows
from schemas.commit import Commit
from schemas.model_file import ExportedModel, ModelFileError
from schemas.parameters import (
    COMMIT_KEY,
    ParameterRecord,
    encode_commit,
    first_version,
    parse_key,
    records_of,
    row_key,
)
from schemas.topics import Topics
from tables.transaction import Record, publish

PLACED_AT_A_TIME = 4096

Show = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Rollback:
    """What going back writes.

    Attributes:
        commit: of the new version.
        parameters, state: records that differ from the present version's, tombstones for keys that the export lacks.
        blocks: all live items, placed.
        items: how many.
    """

    commit: Commit
    parameters: list[ParameterRecord]
    state: list[ParameterRecord]
    blocks: Blocks
    items: int

    def counts(self) -> dict[str, dict[str, int]]:
        """Table or kind of tensor -> how many of its records are written and removed."""
        counts: dict[str, Counter[str]] = {}
        for key, value in (*self.parameters, *self.state):
            name = parse_key(key)[0].partition(".")[0]
            counts.setdefault(name, Counter())["written" if value is not None else "removed"] += 1
        return {name: dict(of) for name, of in sorted(counts.items())}


def plan(
    exported: ExportedModel, present: StoredVersion, catalogue: Catalogue, partitions: int, now_ms: int, show: Show
) -> Rollback:
    """What has to be written so that the present version becomes the exported model.

    Raises:
        ModelFileError: the export does not fit what is under this prefix.
    """
    learner = _learner(exported, present, catalogue)
    commit = msgspec.structs.replace(
        present.commit,
        version=first_version(present.commit.version, now_ms),
        clock=learner.clock,
        time_ms=now_ms,
        publish_ms=0.0,
        metrics={},
    )
    parameters = _changed(present.parameters, exported.parameters)
    state = _changed(present.state, exported.state) | _unseen_users(present.state, exported.state, learner.clock)
    blocks = list(_blocks(learner, commit.version, partitions, show))
    return Rollback(commit, list(parameters.items()), list(state.items()), blocks, len(catalogue))


async def write(
    producer: Any, topics: Topics, rollback: Rollback, histories: HistoryRows, show: Show = lambda _: None
) -> None:
    """All of it in one transaction: a crash leaves the old model."""
    closing = Record(COMMIT_KEY, encode_commit(rollback.commit))
    records = {
        TopicPartition(topics.parameters, 0): [*(Record(*one) for one in rollback.parameters), closing],
        TopicPartition(topics.trainer_state, 0): [*(Record(*one) for one in rollback.state), closing],
    }
    for partition, block in rollback.blocks:
        records.setdefault(TopicPartition(topics.assignments, partition), []).append(Record(None, block))
    for partition, rows in histories.items():
        records[TopicPartition(topics.histories_changelog, partition)] = [Record(*row) for row in rows.items()]
    counted = _Counted(sum(map(len, records.values())), show)
    await publish(producer, {tp: counted(rows) for tp, rows in records.items()}, {}, topics.trainer_app)


async def read_catalogue(connection: Mapping[str, Any], topics: Topics) -> Catalogue:
    """Live items with their features."""
    catalogue = Catalogue()
    async for record in read_topic(connection, topics.items_changelog, whole=True):
        apply(catalogue, [record])
    return catalogue


def _learner(exported: ExportedModel, present: StoredVersion, catalogue: Catalogue) -> Learner:
    """The exported model with the present settings, which readers go on with."""
    if different := differences(exported.config, present.config):
        listed = "; ".join(f"{name} is {was} in the file, {now} in the present model" for name, was, now in different)
        raise ModelFileError(f"the export does not fit the model under this prefix: {listed}. Nothing was changed")
    learner = Learner(present.config, catalogue=catalogue, strict=False)
    try:
        learner.restore(exported.parameters, exported.state)
    except (RestoreError, ValueError, KeyError, IndexError) as error:
        raise ModelFileError(f"no trainer could go on from the export: {error}. Nothing was changed") from error
    codes = sum(key.startswith(b"codebook/") for key in present.parameters)
    if learner.model.codebook.n_codes != codes:
        raise ModelFileError(
            f"the export has {learner.model.codebook.n_codes} codes, the present model {codes}: a codebook is started "
            "once under a prefix, and going back behind that needs a new prefix (kafka.prefix). Nothing was changed"
        )
    return learner


def _changed(present: Kept, wanted: Changes) -> dict[bytes, bytes | None]:
    """Records that differ, then tombstones."""
    records = dict(records_of(wanted))
    gone = present.keys() - records.keys()
    # A part more of a tensor that both have is left over from when it was larger: nobody reads it, and it may go.
    tensors = {name for name, _ in map(parse_key, gone) if "." in name} - wanted.dense.keys()
    if tensors:
        raise ModelFileError(f"the export lacks {min(tensors)}, which the present model has: it is too old")
    changed = {key: value for key, value in records.items() if present.get(key) != value}
    return changed | dict.fromkeys(sorted(gone))


def _unseen_users(present: Kept, wanted: Changes, clock: int) -> dict[bytes, bytes | None]:
    """Users who came since: known to the state as last seen now and never learnt from, so that histories expire."""
    known, _ = wanted.rows.get(USER_TABLE, ([], None))
    came = sorted(
        {key for key in present if parse_key(key)[0] == USER_TABLE} - {row_key(USER_TABLE, user) for user in known}
    )
    row = np.zeros((len(came), STATE_WIDTH))
    row[:, -1] = clock
    return dict(zip(came, encode_rows(row), strict=True))


def _blocks(learner: Learner, version: int, partitions: int, show: Show) -> Iterator[tuple[int, bytes]]:
    names = learner.catalogue.names()
    for begin in range(0, len(names), PLACED_AT_A_TIME):
        show(begin / len(names))
        yield from placements(learner, version, dict.fromkeys(names[begin : begin + PLACED_AT_A_TIME], 0), partitions)


class _Counted:
    """Says how many of the records have been taken."""

    def __init__(self, total: int, show: Show) -> None:
        self._total, self._show, self._done = total, show, 0

    def __call__(self, records: list[Record]) -> Iterator[Record]:
        for record in records:
            yield record
            self._done += 1
            if self._done % PLACED_AT_A_TIME == 0:
                self._show(self._done / self._total)
