"""Carries the stored model over to the configuration of the settings: `svq migrate`. One Kafka transaction."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
from aiokafka import TopicPartition

from agents.stand_in import stand_in
from agents.trainer_state import Stored, load
from pipeline.changes import Array, Changes
from pipeline.config import ModelConfig
from pipeline.errors import RestoreError
from pipeline.learner import Learner
from pipeline.migration import Migration, migrate
from pipeline.reconfiguration import Change, Effect, arranged, changes_between
from schemas.errors import InvariantError, SettingsError
from schemas.kafka import connection
from schemas.parameters import (
    COMMIT_KEY,
    CONFIG_KEY,
    ParameterRecord,
    dense_key,
    encode_commit,
    encode_config,
    first_version,
    records_of,
)
from schemas.settings import Settings
from schemas.tensors import encode_chunks
from tables.progress import Progress
from tables.transaction import Record, publish

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the settings want of the stored model.

    Attributes:
        stored: None where nothing was learnt yet: everything is possible then.
        wanted: the configuration of the settings, in the stored order.
        rows: table -> rows stored.
    """

    stored: Stored | None
    wanted: ModelConfig
    changes: tuple[Change, ...]
    rows: Mapping[str, int]

    @property
    def effect(self) -> Effect:
        """The gravest of the changes; safe for none."""
        order = list(Effect)
        return max((change.effect for change in self.changes), key=order.index, default=Effect.SAFE)

    @property
    def needed(self) -> bool:
        """Whether `svq migrate` has anything to do."""
        return self.effect in {Effect.KEPT, Effect.RESET}


async def plan(settings: Settings) -> Plan:
    """Compare the settings with what Kafka holds. Reads only; a trainer may be at work."""
    deadline_s = settings.trainer.restore_deadline_s
    stored = await load(connection(settings.kafka), settings.topics, deadline_s, Progress())
    return _plan(stored, settings)


async def carry_out(settings: Settings, say: Say, *, take_over: bool = False) -> Plan:
    """Migrate, if the settings need it: nothing else writes meanwhile, and either all of it happens or nothing.

    Raises:
        FencedError: a trainer is at work, or one took over meanwhile. Nothing was changed.
        SettingsError: the settings want what no stored model can become.
    """
    say("waiting for the trainer's lock")
    async with stand_in(settings, take_over=take_over) as producer:
        say("reading the stored model")
        found = await plan(settings)
        _refuse(found, settings)
        if found.stored is not None and found.needed:
            records = await asyncio.to_thread(_records, found.stored, found.wanted, settings)
            say(f"writing {sum(map(len, records.values())):,} records")
            await publish(producer, records, {}, settings.topics.trainer_app)
        return found


def _plan(stored: Stored | None, settings: Settings) -> Plan:
    wanted = settings.model_config_core()
    if stored is None:
        return Plan(None, wanted, (), {})
    wanted = arranged(wanted, stored.config)
    rows = {table: len(ids) for table, (ids, _) in stored.parameters.rows.items()}
    return Plan(stored, wanted, tuple(changes_between(stored.config, wanted)), rows)


def _refuse(found: Plan, settings: Settings) -> None:
    impossible = [str(change) for change in found.changes if change.effect is Effect.EPOCH]
    if impossible:
        raise SettingsError(
            f"{'; '.join(impossible)}: what was learnt does not fit that. Go back to the stored values, or begin anew "
            f"beside it under another prefix (SVQ_KAFKA__PREFIX={settings.kafka.prefix}-2): nothing was changed"
        )


def _records(stored: Stored, wanted: ModelConfig, settings: Settings) -> dict[TopicPartition, list[Record]]:
    """What the two topics have to take in; tried out first, for nobody could take it back."""
    done = migrate(stored.parameters, stored.state, stored.config, wanted)
    _try_out(stored, done, wanted)
    now_ms = time.time_ns() // 1_000_000
    commit = msgspec.structs.replace(
        stored.commit,
        version=first_version(stored.commit.version, now_ms),
        config_hash=wanted.hash(),
        time_ms=now_ms,
        publish_ms=0.0,
        metrics={},
    )
    closing = (COMMIT_KEY, encode_commit(commit))
    parameters = [
        (CONFIG_KEY, encode_config(wanted)),
        *records_of(done.parameters),
        *_leftover(done, done.parameters, stored.parameters),
        closing,
    ]
    state = [*records_of(done.state), *_leftover(done, done.state, stored.state), closing]
    topics = settings.topics
    return {
        TopicPartition(topics.parameters, 0): [Record(*record) for record in parameters],
        TopicPartition(topics.trainer_state, 0): [Record(*record) for record in state],
    }


def _leftover(done: Migration, written: Changes, stored: Changes) -> Iterator[ParameterRecord]:
    """Tombstones for tensors that are gone, and for the last parts of those that became shorter."""
    for name, before in stored.dense.items():
        after = None if name in done.gone else written.dense.get(name, before)
        parts = 0 if after is None else _parts(after)
        for number in range(parts, _parts(before)):
            yield dense_key(name, number), None


def _parts(tensor: Array) -> int:
    return sum(1 for _ in encode_chunks(tensor))


def _try_out(stored: Stored, done: Migration, wanted: ModelConfig) -> None:
    try:
        Learner(wanted, strict=False).restore(stored.parameters.merge(done.parameters), stored.state.merge(done.state))
    except RestoreError as error:
        raise InvariantError(f"the migrated model cannot be restored: {error}. Nothing was changed") from error
