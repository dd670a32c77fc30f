"""Everything the checks look at, read from Kafka in one piece, and what the servers say of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from streamvq_client.rows import (
    ClusterRow,
    HistoryRow,
    ItemIndexRow,
    ItemRow,
    decode_cluster,
    decode_history,
    decode_item,
    decode_item_index,
)
from streamvq_client.snapshot import read_table, read_topic

from infra.chaos.events import WHOLE
from infra.chaos.ledger import Ledger
from infra.chaos.published import Folding, LetterPlace, Published
from infra.chaos.servers import Answers, ask_servers
from schemas.commit import Commit, decode_commit
from schemas.dead_letters import decode_dead_letter
from schemas.errors import InvariantError
from schemas.parameters import COMMIT_KEY
from schemas.settings import Settings
from schemas.topics import Topics
from tables.offsets import committed_offsets

Place = tuple[int, str]  # partition and key

PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables, the last version and the positions, all of one moment.

    Attributes:
        items, index, clusters, histories: rows by partition and key.
        letters: where each dead letter came from, in the order of the topic.
        commit: the last one of `parameters`.
        offsets: partition of the exposures -> offset of the trainer's group.
    """

    items: Mapping[Place, ItemRow]
    index: Mapping[Place, ItemIndexRow]
    clusters: Mapping[Place, ClusterRow]
    histories: Mapping[Place, HistoryRow]
    letters: list[LetterPlace]
    commit: Commit
    offsets: Mapping[int, int | None]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the checks judge.

    Attributes:
        topics: their names.
        partitions: of every topic that holds items or users.
        published: what the applications published.
        ledger: what Kafka had acknowledged of it.
        tables: what became of it.
        answers: role of a server -> what it says.
        still: source partitions whose records were not all taken, and processes that are not up.
        orphans: processes left when everything had ended.
    """

    topics: Topics
    partitions: int
    published: Published
    ledger: Ledger
    tables: Tables
    answers: Mapping[str, Answers]
    still: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)


class Reader:
    """Reads the evidence of one retriever."""

    def __init__(self, settings: Settings, connection: Mapping[str, Any]) -> None:
        self._settings, self._topics, self._connection = settings, settings.topics, connection

    async def published(self, commit: Commit) -> Published:
        """Both topics of the applications, from their beginning."""
        config = self._settings.model_config_core()
        tasks = {task.name for task in config.tasks}
        folding = Folding(tasks, self._settings.kafka.partitions, config.history, commit)
        async for record in read_topic(self._connection, self._topics.exposures):
            folding.exposures(record)
        async for record in read_topic(self._connection, self._topics.candidates):
            folding.candidate(record)
        return folding.published()

    async def commit(self) -> Commit:
        """The last version; InvariantError when there never was one."""
        rows = await read_table(self._connection, self._topics.parameters, key_prefix=COMMIT_KEY)
        record = rows.get((0, COMMIT_KEY))
        if record is None:
            raise InvariantError(f"{self._topics.parameters} holds no version: the trainer never published one")
        return decode_commit(record.value or b"")

    async def together(self, servers: Mapping[str, str], deadline_s: float) -> tuple[Tables, dict[str, Answers]]:
        """Tables and answers of one moment: read again when anything was written meanwhile, or a server is behind.

        After the deadline what was read last is returned as it is; the checks then name the differences.
        """
        end = asyncio.get_running_loop().time() + deadline_s
        while True:
            before = await self._ends()
            tables = await self.tables()
            answers = await ask_servers(servers, sorted(key for _, key in tables.items))
            if before == await self._ends() and all(one.agrees_on(tables.index) for one in answers.values()):
                return tables, answers
            if asyncio.get_running_loop().time() > end:
                return tables, answers
            await asyncio.sleep(PAUSE_S)

    async def tables(self) -> Tables:
        """All rows as they are now."""
        topics = self._topics
        sources = [TopicPartition(topics.exposures, number) for number in range(self._settings.kafka.partitions)]
        offsets = await committed_offsets(self._connection, topics.trainer_app, sources)
        return Tables(
            items=await self._rows(topics.items_changelog, decode_item),
            index=await self._rows(topics.item_index_changelog, decode_item_index),
            clusters=await self._rows(topics.clusters_changelog, decode_cluster),
            histories=await self._rows(topics.histories_changelog, decode_history),
            letters=await self._letters(),
            commit=await self.commit(),
            offsets={source.partition: offset for source, offset in offsets.items()},
        )

    async def _rows(self, topic: str, decode: Any) -> dict[Place, Any]:
        rows = await read_table(self._connection, topic)
        return {(partition, key.decode()): decode(record.value or b"") for (partition, key), record in rows.items()}

    async def _letters(self) -> list[LetterPlace]:
        letters = []
        async for record in read_topic(self._connection, self._topics.dead_letters):
            letter = decode_dead_letter(record.key, record.value, record.headers)
            letters.append(
                (letter.topic, letter.partition, letter.offset, WHOLE if letter.index is None else letter.index)
            )
        return letters

    async def _ends(self) -> dict[TopicPartition, int]:
        """Where every topic of the retriever ends."""
        specs = self._topics.specs(self._settings.kafka)
        places = [TopicPartition(spec.name, number) for spec in specs for number in range(spec.partitions)]
        consumer = AIOKafkaConsumer(**self._connection)
        try:
            await consumer.start()
            ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
            return ends
        finally:
            await consumer.stop()
