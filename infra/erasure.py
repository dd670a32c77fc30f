"""Erasing a user: the request in the exposures, the dead letters, and a look at what Kafka still holds of them."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer, TopicPartition
from streamvq_client.rows import decode_history
from streamvq_client.snapshot import read_topic

from infra.letters.rewriting import count_letters_about, rewrite_without
from infra.reach import administration
from infra.topic_facts import TopicFacts, read_facts
from pipeline.layout import USER_TABLE
from schemas.errors import InvariantError, UnreachableError
from schemas.kafka import connection
from schemas.parameters import row_key
from schemas.settings import Settings
from tables.offsets import committed_offsets

LOOK_EVERY_S = 0.5
FOREVER_MS = 2**62  # Kafka's default for `max.compaction.lag.ms` is beyond

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Traces:
    """What Kafka holds of a user.

    Attributes:
        positives: in their history.
        rows: tables of model and trainer state with a row of theirs.
        letters: dead letters about them.
        older: topic -> overwritten records of theirs that compaction has not removed yet.
    """

    positives: int
    rows: tuple[str, ...]
    letters: int
    older: dict[str, int]

    @property
    def nothing(self) -> bool:
        """Whether nothing stands for the user any more."""
        return not (self.positives or self.rows or self.letters)


async def traces_of(settings: Settings, user: str, say: Say = lambda _: None) -> Traces:
    """Read every topic that may hold something; the exposures are named by `gone_at` only, for they are the input."""
    topics = settings.topics
    history, of_history = await _last(settings, topics.histories_changelog, user.encode(), say)
    found, older = [], {topics.histories_changelog: of_history}
    for topic in (topics.parameters, topics.trainer_state):
        value, older[topic] = await _last(settings, topic, row_key(USER_TABLE, user), say)
        if value is not None:
            found.append(topic)
    say(f"reading {topics.dead_letters}")
    letters = await count_letters_about(settings, user)
    positives = len(decode_history(history).items) if history is not None else 0
    return Traces(positives, tuple(found), letters, {topic: n for topic, n in older.items() if n})


async def erase(settings: Settings, user: str, partitions: int, wait_s: float, say: Say = lambda _: None) -> Traces:
    """Ask the trainer to forget the user, rewrite the dead letters, and see that nothing is left.

    Raises:
        UnreachableError: no trainer took the request in time. It stands, and takes effect when one does.
        InvariantError: something is left all the same.
    """
    say("asking the trainer")
    await _until_taken(settings, await _request(settings, user, partitions), wait_s)
    if await count_letters_about(settings, user):
        say(f"rewriting {settings.topics.dead_letters}")
        await rewrite_without(settings, user)
    left = await traces_of(settings, user, say)
    if not left.nothing:
        raise InvariantError(
            f"user {user!r} is not erased: {left}. Do applications still publish events of theirs? Stop that, and run "
            "this again"
        )
    return left


async def gone_at(settings: Settings, topics: list[str], now_ms: int) -> dict[str, str]:
    """Topic -> when the last record that is there now can be gone at the latest, in words."""
    async with administration(settings.kafka) as admin:
        facts = await read_facts(admin, topics)
    return {topic: _gone_at(facts[topic], now_ms) for topic in topics}


def _gone_at(facts: TopicFacts, now_ms: int) -> str:
    """Kafka deletes and compacts whole segments, and the last one only once it is closed."""
    compacted = "compact" in facts.config.get("cleanup.policy", "")
    segment_ms = int(facts.config.get("segment.ms", FOREVER_MS))
    longest_ms = int(facts.config.get("max.compaction.lag.ms" if compacted else "retention.ms", FOREVER_MS))
    if not 0 <= longest_ms < FOREVER_MS:
        remedy = "set max.compaction.lag.ms: svq topics create --alter" if compacted else "set retention.ms"
        return f"nobody knows when: {remedy}"
    until_ms = now_ms + longest_ms + (0 if compacted else segment_ms)
    return datetime.fromtimestamp(until_ms / 1000, UTC).isoformat(timespec="minutes")


async def _last(settings: Settings, topic: str, key: bytes, say: Say) -> tuple[bytes | None, int]:
    """The last value of a key, None for none, and how many earlier ones can still be read."""
    say(f"reading {topic}")
    keys = [key] if topic == settings.topics.histories_changelog else None
    last, values = None, 0
    async for record in read_topic(connection(settings.kafka), topic, keys=keys):
        if record.key == key:
            last, values = record.value, values + (record.value is not None)
    return last, values - (last is not None)


async def _request(settings: Settings, user: str, partitions: int) -> dict[TopicPartition, int]:
    """A record without a value in every partition, for nobody knows how applications spread a user's events."""
    topic = settings.topics.exposures
    async with AIOKafkaProducer(**connection(settings.kafka), acks="all", enable_idempotence=True) as producer:
        sent = [await producer.send(topic, None, user.encode(), partition) for partition in range(partitions)]
        return {TopicPartition(topic, n): (await one).offset + 1 for n, one in enumerate(sent)}


async def _until_taken(settings: Settings, wanted: Mapping[TopicPartition, int], wait_s: float) -> None:
    end = time.monotonic() + wait_s
    group = settings.topics.trainer_app
    while True:
        committed = await committed_offsets(connection(settings.kafka), group, wanted)
        behind = {tp: offset - (committed[tp] or 0) for tp, offset in wanted.items() if offset > (committed[tp] or 0)}
        if not behind:
            return
        if time.monotonic() > end:
            raise UnreachableError(
                f"no trainer has taken the request within {wait_s:.0f} s, it is {sum(behind.values()):,} records "
                "behind. The request stands in the exposures, and takes effect when a trainer gets there. Start one, "
                "or wait, then run this again for the dead letters"
            )
        await asyncio.sleep(LOOK_EVERY_S)
