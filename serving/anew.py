"""The model of another configuration: read from the beginning of the topic, while the old one goes on answering."""

import asyncio
from typing import NamedTuple

from streamvq_client.changelog import ChangelogReader

from pipeline.model import Model
from schemas.commit import Commit
from schemas.kafka import KafkaSettings, connection
from schemas.versions import Version, Versions


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


async def read_anew(kafka: KafkaSettings, topic: str, poll_records: int, poll_ms: int) -> Whole:
    """The version that the topic holds now: the one that told of the change holds only what else changed with it."""
    versions, version = Versions(), None
    async with ChangelogReader(connection(kafka), [topic]) as reader:
        while version is None:
            records = await reader.poll(poll_records, poll_ms)
            version = versions.feed([(record.key, record.value) for record in records], complete=reader.ready)
        position = reader.positions[topic, 0]
    # In a thread: with millions of rows it takes seconds, and queries go on.
    return Whole(await asyncio.to_thread(_model, version), version.commit, versions, position)


def _model(version: Version) -> Model:
    model = Model(version.config)
    model.apply(version.changes)
    return model
