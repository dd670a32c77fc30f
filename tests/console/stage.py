"""A retriever that lives: a trained world in Kafka, a server in this process, and time that passes when told to."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from streamvq_client.rows import ClusterRow, HistoryRow, ItemIndexRow, ItemRow, encode

from infra.topics import create_topics
from schemas.dead_letters import DeadLetter, encode_dead_letter
from schemas.settings import Settings
from tests.serving.conftest import Running, publish, running
from tests.serving.world import World, Written

HOSTILE_ITEM = "<img src=x onerror=\"document.title='owned'\">/../?a#b%2F\"'"
HOSTILE_USER = "<script>document.title='owned'</script>"
HOSTILE_TITLE = "</td><script>document.title='owned'</script>\u202e"
EVERY = 25
"""Items of the hostile kind among the others: one."""


class Stage:
    """A world on Kafka. `tick` lets users like things, the model learn of it, and indexers file items anew."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.world, self.settings = world, settings
        self._clusters: dict[str, int] = {}
        self._exposures: Counter[int] = Counter()

    async def begin(self) -> None:
        """All that there is before the server starts."""
        world = self.world
        hostile = ItemRow({"genre": "g0", "price": 1.0}, {"title": HOSTILE_TITLE, "<b>": "</dd><b>"}, published=_now())
        liked = HistoryRow([HOSTILE_ITEM, "i1"], [world.now - 5, world.now])
        await publish(
            self.settings,
            [*world.item_records(), (world.topics.items_changelog, HOSTILE_ITEM.encode(), encode(hostile))],
        )
        await publish(self.settings, world.history_records())
        await publish(self.settings, [(world.topics.histories_changelog, HOSTILE_USER.encode(), encode(liked))])
        await publish(self.settings, self._index(world.names))
        await publish(self.settings, world.version_records())

    async def tick(self) -> None:
        """One more batch of exposures, in the order in which a trainer and then the indexers write."""
        world = self.world
        before = {user: list(times) for user, times in world.times.items()}
        shown = Counter(world.exposures)
        world.train(1)
        changed = [user for user, times in world.times.items() if times != before[user]]
        rows = {user: HistoryRow(world.histories[user], world.times[user]) for user in changed}
        topic = world.topics.histories_changelog
        histories = [(topic, user.encode(), encode(row)) for user, row in rows.items()]
        await publish(self.settings, [*world.version_records(), *histories])
        await publish(self.settings, self._index(list(world.exposures - shown)))

    async def file_hostile_elsewhere(self, cluster: int) -> None:
        """The item with the bad name moves."""
        row = ItemIndexRow([cluster], [9.0, 9.0], [50.0] * 4, 7, self.world.number, _now(), _now())
        await publish(self.settings, [(self.world.topics.item_index_changelog, HOSTILE_ITEM.encode(), encode(row))])

    async def reject(self, letters: Iterable[DeadLetter]) -> None:
        """Events that were not taken."""
        from aiokafka import AIOKafkaProducer

        from schemas.kafka import connection

        async with AIOKafkaProducer(**connection(self.settings.kafka)) as producer:
            for letter in letters:
                key, value, headers = encode_dead_letter(letter)
                await producer.send_and_wait(self.settings.topics.dead_letters, value, key, headers=headers)

    def _index(self, names: list[str]) -> list[Written]:
        """Rows of these items, and the clusters they were counted in."""
        rows = self.world.index_rows(names)
        for name, row in rows.items():
            self._exposures[self._clusters.get(name, row.clusters[0])] += 1
            self._clusters[name] = row.clusters[0]
        items = Counter(self._clusters.values())
        topic, shares = self.world.topics.item_index_changelog, self.world.topics.clusters_changelog
        return [
            *((topic, name.encode(), encode(row)) for name, row in rows.items()),
            *((shares, str(k).encode(), encode(ClusterRow(items[k], self._exposures[k], _now()))) for k in range(16)),
        ]


def _now() -> int:
    return int(time.time() * 1000)


def rejected(settings: Settings) -> list[DeadLetter]:
    """A few letters, one of them with bytes that are no text, one that would like to be a page."""
    topic = settings.topics.exposures
    event = json.dumps({"user_id": HOSTILE_USER, "item_id": HOSTILE_ITEM, "labels": {"clicks": 1}}).encode()
    return [
        DeadLetter("not_json", "no JSON: unexpected byte", topic, 0, 17, b"u1", b"\xff\xfe" * 2000),
        DeadLetter("unknown_task", "labels.clicks: no task is configured for it", topic, 1, 4, b"u2", event, index=3),
        DeadLetter("missing_id", "no item_id", topic, 0, 18, b"u3", None),
    ]


@asynccontextmanager
async def on_stage(settings: Settings, world: World) -> AsyncIterator[tuple[Stage, Running]]:
    """A server that is ready, with a world behind it."""
    stage = Stage(world, settings)
    await create_topics(settings)
    await stage.begin()
    async with running(settings) as server:
        await server.ready()
        yield stage, server


@asynccontextmanager
async def passing(stage: Stage, every_s: float = 0.5) -> AsyncIterator[None]:
    """Time passes inside the block."""

    async def ticking() -> None:
        while True:
            await stage.tick()
            await asyncio.sleep(every_s)

    task = asyncio.create_task(ticking())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
