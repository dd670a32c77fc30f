"""One run of the suite on a stack that is up: publish and torment, let settle, gather the evidence."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition

from infra.chaos.events import Events
from infra.chaos.evidence import Evidence, Reader
from infra.chaos.fault import Fault
from infra.chaos.load import Load
from infra.chaos.options import Options
from infra.chaos.plan import Blow
from infra.chaos.screen import Screen
from infra.chaos.settling import Settling
from infra.chaos.storm import Storm
from infra.chaos.watch import Watch
from infra.chaos.world import World
from infra.failing import failing_with, until_failed
from schemas.errors import UnreachableError
from schemas.kafka import connection

START_S = 180.0
TOGETHER_S = 90.0
STATUS_S = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run leaves behind.

    Attributes:
        seconds: that events were published, with everybody at work.
        storm: which faults there were.
        watch: what moved when.
        load: what was published.
        evidence: what became of it.
    """

    seconds: float
    storm: Storm
    watch: Watch
    load: Load
    evidence: Evidence


class Run:
    """Everything between a started stack and a judged one.

    Args:
        options: what the user chose.
        world: a running stack, its tables empty.
        faults: those that the plan names.
        plan: what happens when.
        screen: where progress is shown.
    """

    def __init__(
        self,
        options: Options,
        world: World,
        faults: Mapping[str, Fault],
        plan: Sequence[Blow],
        screen: Screen,
    ) -> None:
        self._options, self._world, self._plan, self._screen = options, world, plan, screen
        self._settings, self._topics = world.settings, world.settings.topics
        self._connection = connection(world.settings.kafka)
        self._storm = Storm(world, faults, screen.say)

    async def run(self) -> Outcome:
        """Publish, torment, settle, read.

        Raises:
            StreamVQError: a process ended in a way that another start does not mend.
        """
        events = Events(
            self._options.seed, self._settings.kafka.partitions, self._topics.exposures, self._topics.candidates
        )
        load = Load(self._connection, self._topics, events, self._options.rate)
        watch = Watch(self._connection, self._sources(), self._world.servers)
        failed = asyncio.create_task(until_failed(self._world.stack))
        watching = asyncio.create_task(watch.run())
        async with load, failing_with(failed), failing_with(watching):
            self._screen.say("publishing the catalogue")
            await load.catalogue()
            seconds = await self._torment(load, watch)
            still = await Settling(self._world, self._connection, self._sources(), watch, self._screen).run()
            return Outcome(seconds, self._storm, watch, load, await self._evidence(load, still))

    async def _torment(self, load: Load, watch: Watch) -> float:
        """Publish all the time; faults begin once everybody works."""
        status = asyncio.create_task(self._status(load, watch))
        async with failing_with(status):
            publishing = asyncio.create_task(load.run())
            async with failing_with(publishing):
                await self._until_all_work(watch)
                watch.begin()
                await self._storm.run(self._plan, watch.begun)
                await asyncio.sleep(60 * self._options.minutes - watch.now)
                seconds = watch.now
                load.stop()
                await publishing
            await load.flush()
        return seconds

    async def _until_all_work(self, watch: Watch) -> None:
        places = {*self._world.servers, *(source for sources in self._sources().values() for source in sources)}
        end = time.monotonic() + START_S
        while missing := places - watch.movements.keys():
            if time.monotonic() > end:
                names = ", ".join(sorted(map(str, missing)))
                raise UnreachableError(f"{names} did not begin to move within {START_S:g} s: see the logs of the stack")
            self._screen.status(f"starting; {len(missing)} of {len(places)} parts have not moved yet")
            await asyncio.sleep(1.0)

    async def _evidence(self, load: Load, still: list[str]) -> Evidence:
        reader = Reader(self._settings, self._connection)
        self._screen.say("reading the tables and asking the servers")
        tables, answers = await reader.together(self._world.servers, TOGETHER_S)
        self._screen.say("replaying everything that was published")
        published = await reader.published(tables.commit)
        return Evidence(self._topics, self._settings.kafka.partitions, published, load.ledger, tables, answers, still)

    def _sources(self) -> dict[str, list[TopicPartition]]:
        """Consumer group -> what it reads from the applications."""
        count = self._settings.kafka.partitions
        return {
            self._topics.trainer_app: [TopicPartition(self._topics.exposures, number) for number in range(count)],
            self._topics.indexer_app: [TopicPartition(self._topics.candidates, number) for number in range(count)],
        }

    async def _status(self, load: Load, watch: Watch) -> None:
        while True:
            await asyncio.sleep(STATUS_S)
            counts = sum(self._storm.counts.values())
            self._screen.status(f"{watch.now:5.0f} s: {load.ledger.events:,} exposures published, {counts} faults")
