"""Two of each are replaced one after the other under load: answers and filing go on, and nothing is lost.

The sessions are so long that nothing here can rest on their expiry: whoever leaves says so.
"""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import httpx
import pytest
from streamvq_client.changelog import ChangelogReader

from schemas.kafka import connection
from schemas.settings import Settings
from tests.agents.index_bench import Bench
from tests.agents.trainer_process import SMALL, events_of, last_commit
from tests.agents.trainer_process import publish as publish_exposures
from tests.endings.forked import Forked, changed
from tests.tables.chaos import until

pytestmark = pytest.mark.timeout(300)

SEED = 23
AT_A_TIME = 20  # exposures in a record
SESSION_S = 60.0
LONGEST_GAP_S = SESSION_S / 3  # a promise of ours: no session has to expire. An idle machine needs two seconds
DEADLINE_S = 90.0


class Role:
    """Processes that do the same, of which the oldest is replaced by a new one: the new one first."""

    def __init__(self, name: str, settings: Settings, stack: ExitStack) -> None:
        self.name, self._settings, self._stack = name, settings, stack
        self._started = 0
        self.processes: list[Forked] = []

    async def add(self) -> None:
        """One more, at work."""
        own = {"port": 0} if self.name == "server" else {"metrics_port": 0}
        if self.name != "server":
            own |= {"folder": self._settings.data / f"{self.name}-{self._started}", "session_timeout_s": SESSION_S}
        self._started += 1
        process = Forked(self.name, changed(self._settings, self.name, **own))
        self._stack.callback(process.kill)
        await asyncio.to_thread(process.until_ready)
        self.processes.append(process)

    async def end_the_oldest(self) -> None:
        """Those who ask learn of it when it does not answer."""
        oldest, began = self.processes[0], time.monotonic()
        oldest.signal(signal.SIGTERM)
        assert await asyncio.to_thread(oldest.ended) == 0, oldest.log
        print(f"{self.name} ended in {time.monotonic() - began:.1f} s")
        self.processes.remove(oldest)


class Load:
    """What is published, asked and seen while processes come and go."""

    def __init__(self, settings: Settings, servers: list[Forked]) -> None:
        self._settings, self._servers, self._bench = settings, servers, Bench(settings)
        self.items = self.questions = self.exposures = 0
        self.filed: set[str] = set()
        self.longest_s = 0.0

    async def learn(self, records: int) -> None:
        """Publish exposures."""
        self.exposures += records * AT_A_TIME
        await publish_exposures(self._settings, events_of(random.Random(SEED), records, AT_A_TIME))  # noqa: S311

    async def publish(self) -> None:
        """One new item."""
        await self._bench.publish({f"n-{self.items}": {"category": "c1"}})
        self.items += 1

    async def ask(self, client: httpx.AsyncClient) -> None:
        """One of the servers answers, as someone who is sent on to the next one sees it."""
        for url in [server.url() for server in self._servers]:
            try:
                if (await client.post(f"{url}/v1/retrieve", json={"k": 1})).status_code == 200:
                    self.questions += 1
                    return
            except httpx.TransportError:
                continue
        raise AssertionError("no server answered")

    async def watch(self) -> None:
        """See from Kafka when new items are filed."""
        topic = self._settings.topics.item_index_changelog
        async with ChangelogReader(connection(self._settings.kafka), [topic]) as reader:
            last = time.monotonic()
            async for records in reader:
                fresh = {(record.key or b"").decode() for record in records} - self.filed
                if any(key.startswith("n-") for key in fresh):
                    now = time.monotonic()
                    self.longest_s, last = max(self.longest_s, now - last), now
                self.filed |= fresh


async def repeatedly(stop: asyncio.Event, work: Callable[[], Awaitable[None]], pause_s: float) -> None:
    """Do something again and again."""
    while not stop.is_set():
        await work()
        await asyncio.sleep(pause_s)


async def test_a_rolling_upgrade_leaves_no_gap_and_loses_nothing(settings_with_topics: Settings) -> None:
    settings = settings_with_topics.model_copy(update={"model": SMALL})
    with ExitStack() as stack:
        roles = [Role(name, settings, stack) for name in ("trainer", "indexer", "server")]
        load, stop = Load(settings, roles[-1].processes), asyncio.Event()
        await load.learn(50)
        for _ in range(2):
            await asyncio.gather(*(role.add() for role in roles))
        async with httpx.AsyncClient(timeout=30) as client, asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(load.watch())
            tasks.create_task(repeatedly(stop, load.publish, 0.2))
            tasks.create_task(repeatedly(stop, lambda: load.ask(client), 0.05))
            for _ in range(2):
                await asyncio.gather(*(role.add() for role in roles))
                for role in roles:
                    await role.end_the_oldest()
                    await moved_on(settings, load)
            stop.set()
            await until(lambda: whole(settings, load), DEADLINE_S, lambda: f"{len(load.filed)} of {load.items} filed")
            watching.cancel()
    print(f"{load.items} items, {load.questions} questions, longest gap {load.longest_s:.2f} s")
    assert load.longest_s < LONGEST_GAP_S
    commit = await last_commit(settings)
    assert commit is not None
    assert commit.clock == load.exposures, "each exposure is learnt once"
    await Bench(settings).check_sums()


async def moved_on(settings: Settings, load: Load) -> None:
    """Until new items are filed and new exposures learnt after what was done."""
    filed, before = len(load.filed), await last_commit(settings)
    await load.learn(10)

    async def both() -> bool:
        commit = await last_commit(settings)
        return len(load.filed) > filed and commit is not None and commit.clock > (before.clock if before else 0)

    await until(both, DEADLINE_S, lambda: f"{len(load.filed)} items filed, {filed} before")


async def whole(settings: Settings, load: Load) -> bool:
    """Every item published is filed, and every exposure is counted where its item is."""
    counted = sum(row.exposures for row in (await Bench(settings).clusters()).values())
    return counted == load.exposures and {f"n-{number}" for number in range(load.items)} <= load.filed
