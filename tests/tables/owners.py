"""One worker's tables and shard, without Faust around them, in the hands of a test."""

from pathlib import Path

from aiokafka import TopicPartition

from tables.app import App, add_table, create_app
from tables.config import WorkerConfig
from tables.offsets import reader
from tables.position import Delivered
from tables.pulse import Pulses
from tables.shard import Shard
from tables.table import Table
from tests.tables.kafka_state import read_rows
from tests.tables.test_position import event as delivered


class Ended(Exception):  # noqa: N818
    """Stands for the end of the process, which a test has to survive."""


class Owner:
    """One worker's tables and its shard of partition 0, or of both partitions."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, partitions: tuple[int, ...] = (0,)) -> None:
        self.shards: list[Shard] = []
        self.config = WorkerConfig(
            group=prefix,
            connection={"bootstrap_servers": [bootstrap]},
            folder=folder,
            sources=(f"{prefix}-events", f"{prefix}-more"),
            partitions=2,
            transactional_id=f"{prefix}-all" if len(partitions) > 1 else None,
        )
        self.app: App = create_app(self.config)
        self.table: Table = add_table(self.app, "rows")
        self.app.finalize()
        self.partitions = partitions
        self.source = TopicPartition(f"{prefix}-events", partitions[0])
        self.generation = 1

    async def own(self) -> Shard:
        """What a rebalance does."""
        for partition in self.partitions:
            self.table.open(partition)
        name = self.config.shard_name(self.partitions[0])
        shard = Shard(name, self.partitions, self.config, [self.table], lambda: self.generation, Pulses())
        self.shards.append(shard)
        await shard.fence()
        changelogs = [self.table.changelog(partition) for partition in self.partitions]
        async with reader(self.config.connection, isolation_level="read_uncommitted") as consumer:
            ends = dict(await consumer.end_offsets(changelogs))
        await shard.restore(ends)
        return shard

    async def leave(self) -> None:
        for shard in self.shards:
            await shard.close()
        for partition in self.partitions:
            self.table.release(partition)

    def event(self, offset: int, generation: int = 1) -> Delivered:
        return delivered(offset, generation, self.source)

    async def rows(self) -> dict[tuple[int, bytes], bytes]:
        (bootstrap,) = self.config.connection["bootstrap_servers"]
        return await read_rows(bootstrap, self.table.changelog(0).topic, range(2))


async def step(owner: Owner, shard: Shard, rows: dict[bytes, bytes | None], *offsets: int) -> None:
    async with shard.step([owner.event(offset) for offset in offsets]) as work:
        for key, value in rows.items():
            work.put(owner.table, owner.partitions[0], key, value)
