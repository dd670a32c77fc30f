"""Counts from Kafka itself whether every event had its effect once."""

import asyncio
from dataclasses import dataclass

from streamvq_client.changelog import ChangelogReader, Record
from streamvq_client.rows import decode_cluster

from schemas.dead_letters import decode_dead_letter
from schemas.kafka import KafkaSettings, connection
from schemas.topics import Topics

POLL_MS = 200


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the tables and the dead letters add up to.

    Attributes:
        items: filed, over all clusters.
        exposures: counted, over all clusters.
        dead_letters: all of them.
        dead_exposures: those that came as exposures.
    """

    items: int = 0
    exposures: int = 0
    dead_letters: int = 0
    dead_exposures: int = 0

    @property
    def counted(self) -> int:
        """Published exposures that had their effect, one way or the other."""
        return self.exposures + self.dead_exposures


class _Count:
    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._shares: dict[tuple[int, bytes], tuple[int, int]] = {}
        self._letters = 0
        self._dead_exposures = 0

    def add(self, record: Record) -> None:
        if record.topic == self._topics.dead_letters:
            self._letters += 1
            origin = decode_dead_letter(record.key, record.value, record.headers).topic
            self._dead_exposures += origin == self._topics.exposures
        elif record.key is not None:
            row = decode_cluster(record.value) if record.value is not None else None
            self._shares[record.partition, record.key] = (row.items, row.exposures) if row else (0, 0)

    def ledger(self) -> Ledger:
        shares = self._shares.values()
        return Ledger(
            items=sum(items for items, _ in shares),
            exposures=sum(exposures for _, exposures in shares),
            dead_letters=self._letters,
            dead_exposures=self._dead_exposures,
        )


async def read_ledger(kafka: KafkaSettings, topics: Topics, expected: int, deadline_s: float) -> Ledger:
    """Read the changelog of `clusters` and the dead letters until they add up to `expected` exposures.

    What it has read when the deadline comes is returned as it is: the caller says whether that is right.
    """
    count = _Count(topics)
    end = asyncio.get_running_loop().time() + deadline_s
    letters = topics.dead_letters
    async with ChangelogReader(connection(kafka), [topics.clusters_changelog, letters], shortened=[letters]) as reader:
        while True:
            for record in await reader.poll(timeout_ms=POLL_MS):
                count.add(record)
            ledger = count.ledger()
            if reader.ready and (ledger.counted == expected or asyncio.get_running_loop().time() > end):
                return ledger
            if asyncio.get_running_loop().time() > end + deadline_s:
                return ledger
