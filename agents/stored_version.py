"""A whole version read back from Kafka while a trainer may be at work: the raw records that it adds up to."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from streamvq_client.changelog import ChangelogReader, Record

from pipeline.changes import Changes
from pipeline.config import ModelConfig
from schemas.errors import InvariantError, TopicsError, UnreachableError
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, ChangesBuilder, Commit, decode_commit, decode_config
from schemas.topics import Topics

SILENCE_S = 60.0

Show = Callable[[float], None]
Kept = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version as it lies in Kafka, key by key, without the records that close it.

    Attributes:
        parameters, state: the two topics.
    """

    commit: Commit
    config: ModelConfig
    parameters: Kept
    state: Kept


async def read_version(
    connection: Mapping[str, Any], topics: Topics, show: Show = lambda _: None, silence_s: float = SILENCE_S
) -> StoredVersion:
    """The version that both topics held when they were read to their ends, or a later one.

    Two topics have two ends, and a trainer writes on meanwhile. Both close a version with a commit, so each is taken in
    up to a commit, and whichever is behind goes on until they are at the same one.

    Raises:
        TopicsError: there is no model.
        InvariantError: the topics are not what a trainer writes.
        UnreachableError: nothing came for `silence_s`, and they are not at one version.
    """
    parameters, state = sides = _Side(), _Side()
    by_topic = {topics.parameters: parameters, topics.trainer_state: state}
    async with ChangelogReader(connection, list(by_topic)) as reader:
        missing = total = sum(reader.waiting_for().values())
        moved = time.monotonic()
        while True:
            records = await reader.poll()
            for record in records:
                by_topic[record.topic].waiting.append(record)
            left = reader.waiting_for()
            for topic, side in by_topic.items():
                side.take(complete=topic not in left)
            if reader.ready and _agreed(parameters, state):
                break
            if records or sum(left.values()) != missing:
                moved, missing = time.monotonic(), sum(left.values())
                show(1 - missing / max(total, 1))
            elif reader.ready and not any(side.kept for side in sides):
                raise TopicsError(f"{topics.parameters} holds no model yet: nothing was learnt under this prefix")
            elif time.monotonic() - moved > silence_s:
                raise _stuck(topics, parameters, state, silence_s)
    return parameters.version(state)


class _Side:
    """One topic: all of it, then a version at a time."""

    def __init__(self) -> None:
        self.waiting: deque[Record] = deque()
        self.kept: Kept = {}
        self.commit: Commit | None = None
        self.closed = self._complete = False

    def take(self, *, complete: bool) -> None:
        """Take in what waits, but once everything is there no more than what closes a version."""
        while self.waiting and not (self._complete and self.closed):
            self._take_one()
        self._complete = self._complete or complete

    def catch_up(self) -> None:
        """Take in the next version, as far as it is there."""
        self.closed = False
        while self.waiting and not self.closed:
            self._take_one()

    def _take_one(self) -> None:
        record = self.waiting.popleft()
        key = record.key or b""
        self.closed = key == COMMIT_KEY
        self.kept.pop(key, None)  # so that the order is the topic's: parts of a tensor mean something by it
        if record.value is None:
            return
        self.kept[key] = record.value
        if self.closed:
            self.commit = decode_commit(record.value)

    def version(self, state: "_Side") -> StoredVersion:
        """What this side and the other one hold."""
        if self.commit is None or CONFIG_KEY not in self.kept:
            raise InvariantError("the parameters hold a commit, but no configuration: they were emptied")
        config = decode_config(self.kept.pop(CONFIG_KEY))
        for side in (self, state):
            side.kept.pop(COMMIT_KEY)
        return StoredVersion(self.commit, config, self.kept, state.kept)


def _agreed(one: _Side, other: _Side) -> bool:
    while one.closed and other.closed and one.commit and other.commit:
        if one.commit.version == other.commit.version:
            return True
        (one if one.commit.version < other.commit.version else other).catch_up()
    return False


def changes_of(kept: Kept) -> Changes:
    """The records as rows and tensors; FormatError if they are none."""
    builder = ChangesBuilder()
    for key, value in kept.items():
        builder.add(key, value)
    return builder.take()


def _stuck(topics: Topics, parameters: _Side, state: _Side, silence_s: float) -> InvariantError | UnreachableError:
    if parameters.commit is not None and state.commit is None and state.kept:
        return InvariantError(
            f"{topics.trainer_state} was written by an older streamvq, which did not close versions in it: start the "
            "present trainer, and let it learn something first"
        )
    return UnreachableError(
        f"{topics.parameters} and {topics.trainer_state} did not come to one version within {silence_s:.0f} s: "
        "see whether a trainer hangs, or what holds Kafka up"
    )
