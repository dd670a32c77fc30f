"""The shards that this worker owns at the moment."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

import structlog
from aiokafka import TopicPartition

from schemas.errors import FencedError, StreamVQError
from tables.config import WorkerConfig
from tables.errors import ShardLost
from tables.guard import guarded
from tables.offsets import reader
from tables.position import E
from tables.pulse import Pulses
from tables.shard import Shard, Step
from tables.table import Table

log = structlog.get_logger(__name__)

# Kafka itself lets a group wait so long for members that have steps to finish.
JOIN_S = 60.0
RESTORES_AT_A_TIME = 4  # each holds some MiB of fetched rows

Hook = Callable[[Shard], Awaitable[None]]


class Shards:
    """Every shard owned now, by partition.

    Attributes:
        on_owned: called for a shard once it is fenced and its tables are restored, before its first step.
        on_lost: called for a shard once it is closed; it may be owned again later, as another object.
        joined: whether Kafka has said which partitions are ours, be it none.
        pulses: what must move while this worker works.
    """

    def __init__(self, config: WorkerConfig, generation: Callable[[], int]) -> None:
        self.config = config
        self.tables: list[Table] = []
        self.on_owned: Hook | None = None
        self.on_lost: Hook | None = None
        self.joined = False
        self.pulses = Pulses()
        self._joining = self.pulses.stream(f"joining {config.group}", config.stall_deadline_s + JOIN_S)
        self._generation = generation
        self._owned: dict[str, Shard] = {}
        self._of: dict[int, Shard] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._restoring: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(RESTORES_AT_A_TIME)

    def __iter__(self) -> Iterator[Shard]:
        return iter(list(self._owned.values()))

    def of(self, partition: int) -> Shard | None:
        """The shard that holds a partition, None if another worker has it."""
        return self._of.get(partition)

    @property
    def ready(self) -> bool:
        """Whether every shard owned has its tables restored; True for a worker that Kafka gave none."""
        return self.joined and all(shard.owned for shard in self)

    @property
    def restoring(self) -> list[Shard]:
        """Shards owned that are not ready yet; what each waits for is in its `progress`."""
        return [shard for shard in self if not shard.owned]

    def waiting_for(self) -> list[str]:
        """What steps wait for, in words; nothing when all shards are ready."""
        if not self.joined:
            return ["Kafka to say which partitions are ours"]
        return [f"{shard.name}: {shard.progress}" for shard in self.restoring]

    def changelog_end(self, topic: str, partition: int) -> int | None:
        """End of a changelog partition when its shard was fenced."""
        return self._ends.get(TopicPartition(topic, partition))

    async def process(
        self, partition: int, events: Sequence[E], handler: Callable[[Shard, Step[E]], Awaitable[None]]
    ) -> None:
        """Run one step over events of one partition; events of a shard that is not ours are left to its owner."""
        shard = self.of(partition)
        if shard is None:
            return
        try:
            async with shard.step(events) as step:
                if step.events:
                    await handler(shard, step)
        except ShardLost:
            log.debug("events left to the next owner", partition=partition, events=len(events))

    def join(self) -> None:
        """From now on Kafka is expected to say what is ours."""
        self._joining.beat()

    async def release(self) -> None:
        """Let go of everything: steps in flight finish, nothing new begins; Kafka says what is ours next."""
        self.join()
        for task in list(self._restoring):
            task.cancel()
        lost = list(self._owned.values())
        self._owned.clear()
        self._of.clear()
        await asyncio.gather(*(shard.close() for shard in lost))
        if lost:
            log.info("shards released", shards=[shard.name for shard in lost])
        if self.on_lost is not None:
            for shard in lost:
                await self.on_lost(shard)

    async def fence(self, partitions: set[int]) -> list[Shard]:
        """Shards of these partitions, fenced, with the ends of their changelogs noted; `publish` them next.

        Raises:
            FencedError: topics have grown since the worker started: homes of keys are others now.
        """
        names: dict[str, list[int]] = {}
        for partition in sorted(partitions):
            names.setdefault(self.config.shard_name(partition), []).append(partition)
        shards = [self._shard(name, owned) for name, owned in names.items()]
        await asyncio.gather(*(shard.fence() for shard in shards))
        try:
            await self._note_ends(partitions if shards else set())
        except FencedError:
            await asyncio.gather(*(shard.close() for shard in shards))
            raise
        return shards

    async def _note_ends(self, partitions: set[int]) -> None:
        self._ends = {}
        if partitions:
            changelogs = [table.changelog(partition) for table in self.tables for partition in sorted(partitions)]
            # Of all records, not of the committed ones: should a transaction still be open, the restore waits for it.
            async with reader(self.config.connection, isolation_level="read_uncommitted") as consumer:
                self._ends = dict(await consumer.end_offsets(changelogs))
                self._require_as_many({tp.topic: consumer.partitions_for_topic(tp.topic) for tp in changelogs})

    def _require_as_many(self, found: Mapping[str, set[int] | None]) -> None:
        for topic, partitions in found.items():
            if partitions and len(partitions) != self.config.partitions:
                raise FencedError(
                    f"{topic} has {len(partitions)} partitions, {self.config.partitions} when this worker started: "
                    "somebody ran `svq topics grow`. Started again, it counts them anew"
                )

    def _shard(self, name: str, partitions: list[int]) -> Shard:
        return Shard(name, partitions, self.config, self.tables, self._generation, self.pulses)

    def publish(self, shards: list[Shard]) -> None:
        """Hand the fenced shards to the steps, and restore them in the background."""
        self.joined = True
        self._joining.rest()
        log.info("partitions given", group=self.config.group, partitions=[p for s in shards for p in s.partitions])
        for shard in shards:
            self._owned[shard.name] = shard
            self._of.update(dict.fromkeys(shard.partitions, shard))
            task = guarded(self._restore(shard), name=f"restore {shard.name}", shard=shard.name)
            self._restoring.add(task)
            task.add_done_callback(self._restoring.discard)

    async def _restore(self, shard: Shard) -> None:
        async with self._turns:
            await shard.restore(self._ends, self.on_owned)

    def unfit(self, assigned: set[TopicPartition], partitions: set[int]) -> StreamVQError | None:
        """What is wrong with an assignment of sources and of the tables' partitions, None if it can be owned."""
        for topic in self.config.sources:
            got = {tp.partition for tp in assigned if tp.topic == topic}
            if got != partitions:
                return FencedError(
                    f"partitions {sorted(got)} of {topic} came with partitions {sorted(partitions)} of the tables: "
                    "`svq topics grow` is at work, or was ended in the middle. Started again, this worker says what "
                    "`svq topics check` says"
                )
        if self.config.transactional_id and len(partitions) < self.config.partitions:
            return FencedError(f"another member of the group {self.config.group} holds some of the partitions")
        return None
