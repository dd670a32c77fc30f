"""The model of another configuration: read from the beginning of the topic, while the old one goes on answering."""

import asyncio
import time
from typing import Final, NamedTuple

from streamvq_client.changelog import ChangelogReader

from pipeline.model import Model
from schemas.commit import Commit
from schemas.kafka import KafkaSettings, connection
from schemas.versions import Version, Versions
from tables.errors import StalledError

SILENT_S: Final = 5.0
"""Kafka answers ten times a second while it can."""


POLL_RECORDS: Final = 1000
POLL_MS: Final = 100


class Whole(NamedTuple):
    """A model read from the beginning.

    Attributes:
        versions: what assembles the versions that follow.
        position: offset of the first record that it has not been fed.
    """

    model: Model
    commit: Commit
    versions: Versions
    position: int


async def read_anew(kafka: KafkaSettings, topic: str, stall_s: float) -> Whole:
    """The version that the topic holds now: the one that told of the change holds only what else changed with it.

    Raises:
        StalledError: Kafka answers, and nothing came for `stall_s`.
    """
    versions, version = Versions(), None
    async with ChangelogReader(connection(kafka), [topic]) as reader:
        moved = time.monotonic()
        while version is None:
            records = await reader.poll(POLL_RECORDS, POLL_MS)
            if records or reader.silent_s() > SILENT_S:  # without Kafka the old one goes on answering
                moved = time.monotonic()
            elif time.monotonic() - moved > stall_s:
                raise StalledError(f"{topic}: no version of another configuration came for {stall_s:.0f} s")
            version = versions.feed([(record.key, record.value) for record in records], complete=reader.ready)
        position = reader.positions[topic, 0]
    # In a thread: with millions of rows it takes seconds, and queries go on.
    return Whole(await asyncio.to_thread(whole_model, version), version.commit, versions, position)


def whole_model(version: Version) -> Model:
    """The model of a version that holds everything."""
    model = Model(version.config)
    model.apply(version.changes)
    return model
