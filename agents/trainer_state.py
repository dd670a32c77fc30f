"""What the trainer published last, read back: the model to go on with, and whether it fits settings and stream."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from streamvq_client.changelog import ChangelogReader

from agents.micro_batch import Position
from pipeline.changes import Changes
from pipeline.config import ModelConfig
from pipeline.reconfiguration import Effect, changes_between
from schemas.errors import InvariantError, SettingsError, UnreachableError
from schemas.parameters import (
    COMMIT_KEY,
    CONFIG_KEY,
    ChangesBuilder,
    Commit,
    config_hash,
    decode_commit,
    decode_config,
)
from schemas.topics import Topics
from tables.progress import Progress

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """The last committed version, and the configuration that it was written with.

    Attributes:
        config_hash: of the configuration as it is stored: another one than `config`'s own where it is of an earlier
            release, which knew fewer settings.
    """

    commit: Commit
    config: ModelConfig
    config_hash: str
    parameters: Changes
    state: Changes


async def load(connection: Mapping[str, Any], topics: Topics, deadline_s: float, progress: Progress) -> Stored | None:
    """The last committed version, None if nothing was ever published.

    To be called by the owner of the transactional id only: then no transaction is open, and the ends of both topics
    belong to the same version.

    Raises:
        InvariantError: there are parameters, but no commit or no configuration.
        UnreachableError: not read within the deadline.
    """
    values: dict[bytes, bytes] = {}
    parameters, state = ChangesBuilder(), ChangesBuilder()
    try:
        async with (
            asyncio.timeout(deadline_s),
            ChangelogReader(connection, [topics.parameters, topics.trainer_state]) as reader,
        ):
            progress.begin("the model", sum(reader.waiting_for().values()))
            while not reader.ready:
                for record in await reader.poll():
                    key, value = record.key or b"", record.value
                    if key in {COMMIT_KEY, CONFIG_KEY}:
                        values[key] = value or b""
                    else:
                        (parameters if record.topic == topics.parameters else state).add(key, value)
                progress.reach(sum(reader.waiting_for().values()))
    except TimeoutError:
        raise UnreachableError(
            f"{topics.parameters} and {topics.trainer_state} were not read within {deadline_s:.0f} s: "
            "raise trainer.restore_deadline_s, or see what holds Kafka up"
        ) from None
    if not values and not len(parameters) and not len(state):
        return None
    if values.keys() != {COMMIT_KEY, CONFIG_KEY}:
        raise InvariantError(
            f"{topics.parameters} and {topics.trainer_state} hold records but no whole version: one was emptied, "
            "or another program writes to them. Use a new prefix (kafka.prefix), or create all topics of this one anew"
        )
    return Stored(
        decode_commit(values[COMMIT_KEY]),
        decode_config(values[CONFIG_KEY]),
        config_hash(values[CONFIG_KEY]),
        await asyncio.to_thread(parameters.take),
        await asyncio.to_thread(state.take),
    )


def check_config(stored: ModelConfig, wanted: ModelConfig, prefix: str) -> None:
    """Refuse settings that the stored model cannot go on with. Raises SettingsError naming each difference."""
    grave = [change for change in changes_between(stored, wanted) if change.effect is not Effect.SAFE]
    if not grave:
        return
    remedy = "see what `svq migrate --dry-run` would keep"
    if any(change.effect is Effect.EPOCH for change in grave):
        remedy = "give the new model its own prefix (kafka.prefix)"
    raise SettingsError(
        f"the settings do not fit the model stored under the prefix {prefix}: {'; '.join(map(str, grave))}. "
        f"Go back to the stored values, or {remedy}; nothing was changed"
    )


def differences(one: ModelConfig, other: ModelConfig) -> list[tuple[str, object, object]]:
    """(setting, value in one, value in the other) of what no model can go on with; "nothing" where it is absent."""
    found: list[tuple[str, object, object]] = [
        (change.setting, change.before, change.after)
        for change in changes_between(one, other)
        if change.effect is not Effect.SAFE
    ]
    first, second = (", ".join([*(t.name for t in c.tasks), *(f.table for f in c.features)]) for c in (one, other))
    # Columns and biases follow the order, which only `arranged` makes the same.
    return found or ([("the order", first, second)] if first != second else [])


def resume(
    commit: Commit, committed: Mapping[int, int], following: Mapping[int, int | None], group: str
) -> dict[int, Position]:
    """Where each partition's stream goes on.

    The two agree, for they are written in one transaction, but for a group that was moved past what is no record, as
    an operator is told to when retention has deleted something.

    Args:
        commit: of the last version.
        committed: partition -> offset of the group.
        following: partition -> first record there is at or after the commit's offset, None for none; of those
            partitions where the group is ahead of it.
        group: its name.

    Raises:
        InvariantError: they disagree; both numbers are in the message.
    """
    positions = {}
    for partition, offset in sorted(committed.items()):
        learnt = commit.offsets.get(partition)
        if offset == learnt:
            positions[partition] = Position(offset, commit.within.get(partition, 0))
        elif learnt is not None and learnt < offset and _nothing_between(following[partition], offset):
            log.warning("stream moved on without records", partition=partition, learnt=learnt, group=offset)
            positions[partition] = Position(offset)
        else:
            raise InvariantError(
                f"partition {partition}: the group {group} stands at offset {offset}, version {commit.version} of the "
                f"model at {learnt}. Both are written in one transaction, so one was changed by hand: set the group "
                f"back to {learnt}, or start with a new prefix"
            )
    return positions


def ahead(commit: Commit, committed: Mapping[int, int]) -> dict[int, int]:
    """Partition -> the commit's offset, of those where the group is ahead of it."""
    return {p: commit.offsets[p] for p, offset in committed.items() if offset > commit.offsets.get(p, offset)}


def _nothing_between(following: int | None, offset: int) -> bool:
    return following is None or following >= offset
