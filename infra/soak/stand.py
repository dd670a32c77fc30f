"""A stack with made-up traffic on it, watched from outside: where a soak and an overload are run."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.failing import until_failed
from infra.load.api import Server
from infra.load.backlog import Backlog
from infra.load.driver import Driver
from infra.load.errors import StalledError
from infra.load.wire import Wire
from infra.load.world import MOST_LINES, World
from infra.ports import free_port
from infra.run_folder import Say
from infra.soak.options import Options
from infra.soak.usage import Series, sample
from infra.stack import Stack
from infra.topics import configure_topics
from schemas.errors import SettingsError
from schemas.kafka import KafkaSettings
from schemas.settings import Settings, load_settings

SETTINGS = Path(__file__).parent.parent / "load" / "svq.toml"
WINDOW = 8_192
READY_S = 180.0
SPARE_IDS = 1.2  # of the items on offer: ids that are deleted at the moment
# What grows by design must have come to its end within the warm-up: the broker's heap, all of it resident at once, and
# what it keeps of `parameters` and `trainer-state` before it compacts them, usually for an hour.
HEAP_MB = 256
COMPACTION_LAG_MS = 60_000


class Stand:
    """Everything that runs meanwhile. Use `on_stand`.

    Attributes:
        series: samples of each process.
        greatest_rate: exposures, or candidates, a second, as `calibrate` found it.
    """

    def __init__(self, options: Options, stack: Stack, wire: Wire, server: Server, say: Say) -> None:
        world = World(options.users, options.items, round(SPARE_IDS * options.items), options.seed)
        lines = MOST_LINES if options.overload else None  # large records: the broker and we must not be what is slow
        self.driver = Driver(world, wire, server, options.overload or "exposures", lines)
        self.series: Series = {}
        self.greatest_rate = 0.0
        self.options, self.stack, self.wire, self.say = options, stack, wire, say

    @property
    def restarts(self) -> dict[str, int]:
        """Role -> how often it was started again."""
        return {role: self.stack.restarts(role) for role in self.stack.roles}

    def pids(self) -> Mapping[str, int | None]:
        """Role -> its process id, None while it is down."""
        return {role: self.stack.pid(role) for role in self.stack.roles}

    async def calibrate(self, seconds: float) -> None:
        """Publish as fast as the workers keep up; what they committed in the second half is the greatest rate.

        Raises:
            StalledError: nothing was committed.
        """
        loop, backlog = asyncio.get_running_loop(), self.wire.backlog
        await self.driver.publish(seconds / 2)
        await self.wire.until_room(1)  # the first steps take longest
        begun, done = loop.time(), backlog.done
        await self.driver.publish(seconds / 2)
        self.greatest_rate = (backlog.done - done) / (loop.time() - begun)
        if not self.greatest_rate:
            raise StalledError(f"nothing was committed in {seconds / 2:g} s: calibrate for longer")
        self.say(f"the greatest rate is {self.greatest_rate:,.0f} {self.options.overload or 'exposures'} a second")


@contextlib.asynccontextmanager
async def on_stand(options: Options, stack: Stack, say: Say) -> AsyncIterator[Stand]:
    """A stand on a running stack with its catalogue published; ends with the stack's failure if that fails."""
    async with Server(stack.address) as server, _wire(options, stack) as wire:
        stand = Stand(options, stack, wire, server, say)
        file = stack.settings.data / "usage.jsonl"
        async with beside(until_failed(stack), sample(stand.pids, stand.series, file, options.sample_s)):
            say(f"publishing {options.items:,} items")
            await stand.driver.open()
            yield stand


@contextlib.asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work that runs meanwhile; an error of it ends what is inside, and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


@contextlib.contextmanager
def running_stack(options: Options, folder: Path, say: Say) -> Iterator[Stack]:
    """A stack of its own, ready for queries."""
    with Stack(_settings(options, folder), indexers=options.indexers, log_folder=folder / "logs") as stack:
        say("starting Kafka, a trainer, indexers and a server")
        stack.wait_ready(READY_S)
        topics = stack.settings.topics
        lag = {"min.compaction.lag.ms": str(COMPACTION_LAG_MS)}
        versioned = dict.fromkeys((topics.parameters, topics.trainer_state), lag)
        asyncio.run(configure_topics(stack.settings, versioned))
        yield stack


def _wire(options: Options, stack: Stack) -> Wire:
    kafka = stack.settings.kafka
    return Wire(kafka, stack.settings.topics, kafka.partitions, Backlog(WINDOW), options.overload or "exposures")


def _settings(options: Options, folder: Path) -> Settings:
    given = load_settings(SETTINGS)
    if "bootstrap_servers" in given.kafka.model_fields_set:
        raise SettingsError("a soak runs a broker of its own: unset SVQ_KAFKA__BOOTSTRAP_SERVERS")
    kafka = KafkaSettings(prefix="soak", partitions=max(given.kafka.partitions, options.indexers))
    return given.model_copy(
        update={
            "data": folder,
            "kafka": kafka,
            "broker": given.broker.model_copy(
                update={
                    "folder": folder / "broker",
                    "port": free_port(),
                    "heap_mb": HEAP_MB,
                    "java_options": (f"-Xms{HEAP_MB}m", "-XX:+AlwaysPreTouch"),
                }
            ),
            "server": given.server.model_copy(update={"port": 0}),
            "trainer": given.trainer.model_copy(update={"metrics_port": free_port()}),
            "indexer": given.indexer.model_copy(update={"metrics_port": free_port()}),
        }
    )
