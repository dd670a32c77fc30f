"""An indexer under test: topics of its own, a trainer's hand to publish with, and its tables read back."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from aiokafka import AIOKafkaProducer
from streamvq_client.partitioner import partition_of
from streamvq_client.rows import (
    ClusterRow,
    ItemIndexRow,
    ItemRow,
    decode_cluster,
    decode_item,
    decode_item_index,
)

from pipeline.config import Feature, ModelConfig, Task
from pipeline.learner import Batch, Learner
from schemas import assignments
from schemas.assignments import AssignmentBlock
from schemas.parameters import (
    COMMIT_KEY,
    CONFIG_KEY,
    Commit,
    encode_commit,
    encode_config,
    records_of,
)
from schemas.settings import Settings
from tests.tables.kafka_state import read_rows, read_topic

PARTITIONS = 2
RUN = [
    "-c",
    "from agents.indexer import main; from schemas.settings import load_settings; main(load_settings())",
]
CONFIG = ModelConfig(
    tasks=(Task("click"),),
    features=(Feature("category", "item", "categorical", dim=4),),
    dim=8,
    id_dim=8,
    hidden=16,
    codes=8,
    batch=64,
    start_steps=2,
    start_exposures=1,
    start_latest=4,
    hysteresis=0.0,
)


class Bench:
    """One prefix on the broker: what applications and the trainer publish, and what the indexer makes of it."""

    def __init__(self, settings: Settings) -> None:
        self.bootstrap, self.prefix = settings.kafka.bootstrap_servers, settings.kafka.prefix
        self.settings, self.topics = settings, settings.topics
        self.learner = Learner(CONFIG)
        self.version = 0
        self._announced = False

    def environment(self, folder: Path, **settings: Any) -> dict[str, str]:
        """Environment of an indexer process."""
        own = {"folder": folder, "session_timeout_s": 6.0, "scan_interval_s": 2.0} | settings
        return {
            "SVQ_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "SVQ_KAFKA__PREFIX": self.prefix,
            **{f"SVQ_INDEXER__{name.upper()}": str(value) for name, value in own.items()},
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    def home(self, item: str) -> int:
        return partition_of(item.encode(), PARTITIONS)

    async def send(self, topic: str, records: Sequence[tuple[int, bytes | None, bytes | None]]) -> None:
        """(partition, key, value) records in one transaction."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, transactional_id=f"{self.prefix}-bench", max_request_size=8 << 20
        )
        await producer.start()
        try:
            async with producer.transaction():
                for partition, key, value in records:
                    await producer.send(topic, value, key, partition)
        finally:
            await producer.stop()

    async def publish(self, items: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Candidates by id, None to delete."""
        records = [
            (self.home(item), item.encode(), None if features is None else candidate(item, features))
            for item, features in items.items()
        ]
        await self.send(self.topics.candidates, records)

    def learn(self, items: Sequence[str], steps: int = 4) -> None:
        """Let the trainer's model learn something about these items, until it has a codebook."""
        rng = np.random.default_rng(self.learner.steps)
        for _ in range(steps):
            drawn = [items[i] for i in rng.integers(0, len(items), CONFIG.batch)]
            users = [f"u{i % 16}" for i in range(CONFIG.batch)]
            self.learner.step(Batch(users, drawn, np.ones((CONFIG.batch, 1), np.float32)))

    def announce(self, learner: Learner) -> None:
        """Go on with another trainer's model."""
        self.learner, self._announced = learner, False

    async def publish_model(self) -> int:
        """A version of the model."""
        self.version = max(self.version + 1, time.time_ns() // 1_000_000 << 20)
        parameters, _ = self.learner.take_changes()
        commit = Commit(
            version=self.version,
            clock=self.learner.clock,
            offsets={},
            config_hash=self.learner.config.hash(),
            time_ms=time.time_ns() // 1_000_000,
        )
        records = [*records_of(parameters), (COMMIT_KEY, encode_commit(commit))]
        if not self._announced:
            records.insert(0, (CONFIG_KEY, encode_config(self.learner.config)))
            self._announced = True
        await self.send(self.topics.parameters, [(0, key, value) for key, value in records])
        return self.version

    def block(self, exposures: Mapping[str, int], clusters: Mapping[str, int], version: int) -> AssignmentBlock:
        """Placements as a trainer would send them."""
        ids = list(exposures)
        return AssignmentBlock(
            version,
            self.learner.clock,
            ids,
            np.array([[clusters[item]] for item in ids], np.int32),
            np.full((len(ids), 1), 0.5, np.float32),
            np.full((len(ids), len(CONFIG.half_lives)), 3.0),
            np.array([exposures[item] for item in ids], np.uint32),
        )

    async def assign(self, block: AssignmentBlock) -> None:
        """Send a block to the home partitions of its items."""
        parts = [(partition, None, assignments.encode(part)) for partition, part in block.split(PARTITIONS)]
        await self.send(self.topics.assignments, parts)

    async def items(self) -> dict[str, ItemRow]:
        rows = await read_rows(self.bootstrap, self.topics.items_changelog, range(PARTITIONS))
        return {key.decode(): decode_item(value) for (_, key), value in rows.items()}

    async def index(self) -> dict[str, ItemIndexRow]:
        rows = await read_rows(self.bootstrap, self.topics.item_index_changelog, range(PARTITIONS))
        assert all(self.home(key.decode()) == partition for partition, key in rows)
        return {key.decode(): decode_item_index(value) for (_, key), value in rows.items()}

    async def clusters(self) -> dict[int, ClusterRow]:
        """Added up over the partitions."""
        rows = await read_rows(self.bootstrap, self.topics.clusters_changelog, range(PARTITIONS))
        added: dict[int, ClusterRow] = {}
        for (_, key), value in rows.items():
            row, before = decode_cluster(value), added.get(int(key), ClusterRow(0, 0, 0))
            added[int(key)] = ClusterRow(before.items + row.items, before.exposures + row.exposures, row.time)
        return added

    async def dead_letters(self) -> list[Any]:
        return await read_topic(self.bootstrap, self.topics.dead_letters, [0])

    async def check_sums(self) -> None:
        """The items of `clusters` are those of `item_index`."""
        counted: dict[int, int] = {}
        for row in (await self.index()).values():
            counted[row.clusters[0]] = counted.get(row.clusters[0], 0) + 1
        assert {cluster: row.items for cluster, row in (await self.clusters()).items() if row.items} == counted


def candidate(item: str, features: Mapping[str, Any]) -> bytes:
    return json.dumps({"item_id": item, "timestamp": time.time_ns() // 1_000_000, "features": features}).encode()
