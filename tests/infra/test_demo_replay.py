import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer

from infra.demo.probes import Probes
from infra.demo.replay import Replay
from infra.demo.sales import Checkout, Product, Sales
from infra.demo.sample import sample_lines
from infra.failing import failing_with
from infra.load.backlog import Backlog
from infra.load.errors import StalledError
from infra.load.wire import Wire
from schemas.kafka import connection
from schemas.settings import Settings

WINDOW = 60


def make_sales(checkouts: int, seed: int = 0) -> Sales:
    """Products numbered by first sale, as the reader of the file leaves them."""
    rng = np.random.default_rng(seed)
    numbers: dict[int, int] = {}
    first: list[int] = []
    made = []
    for number in range(checkouts):
        items = rng.integers(0, 5 + number // 4, rng.integers(1, 12)).tolist()
        for item in items:
            if item not in numbers:
                numbers[item] = len(numbers)
                first.append(number)
        made.append(
            Checkout(f"u{rng.integers(9)}", "France", 10**12 + 1000 * number, tuple(numbers[item] for item in items))
        )
    products = tuple(Product(f"p{at}", f"title {at}", ("title",), 1.0, number) for at, number in enumerate(first))
    return Sales(tuple(made), products, {}, published=False)


class Trainer:
    """Reads as the trainer's group does, and commits one record at a time."""

    def __init__(self, consumer: AIOKafkaConsumer, backlog: Backlog) -> None:
        self.events: list[dict[str, Any]] = []
        self.by_partition: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.worst_lag = 0
        self._consumer, self._backlog = consumer, backlog

    async def run(self) -> None:
        while True:
            for source, found in (await self._consumer.getmany(timeout_ms=50, max_records=2)).items():
                for record in found:
                    self.worst_lag = max(self.worst_lag, self._backlog.lag)
                    events = json.loads(record.value)
                    assert {event["user_id"] for event in events} == {record.key.decode()}
                    self.events += events
                    self.by_partition[source.partition] += events
                    await self._consumer.commit({source: record.offset + 1})


class Server:
    """Answers at once; knows what had been published when it was asked."""

    def __init__(self) -> None:
        self.replay: Replay | None = None
        self.asked: list[Checkout] = []
        self.seen: dict[str, int] = {}

    async def foresee(self, checkout: Checkout, k: int) -> Mapping[str, list[str]] | None:
        assert k == 100
        assert self.replay is not None
        self.asked.append(checkout)
        if checkout.user_id == "u0":
            return None
        return {"svq": [f"p{checkout.items[0]}"], "exact": []}

    async def item(self, item_id: str) -> None:
        self.seen[item_id] = self.seen.get(item_id, 0) + 1


@asynccontextmanager
async def wired(settings: Settings, *, train: bool = True) -> AsyncIterator[tuple[Wire, Trainer]]:
    topics = settings.topics
    backlog = Backlog(WINDOW)
    consumer = AIOKafkaConsumer(
        topics.exposures,
        **connection(settings.kafka),
        group_id=topics.trainer_app,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    trainer = Trainer(consumer, backlog)
    work = asyncio.create_task(trainer.run()) if train else None
    try:
        async with Wire(settings.kafka, topics, settings.kafka.partitions, backlog) as wire:
            yield wire, trainer
    finally:
        if work:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        await consumer.stop()


async def test_everything_arrives_once_in_order_and_never_further_ahead_than_the_window(
    settings_with_topics: Settings,
) -> None:
    sales = make_sales(120)
    server = Server()
    probes = Probes(server)
    opened = sum(product.first < 30 for product in sales.products)
    sampled = sample_lines(sales, 200, seed=0, block=1)
    async with wired(settings_with_topics) as (wire, trainer):
        server.replay = replay = Replay(sales, sampled, wire, server, probes, opened=opened)
        await asyncio.wait_for(replay.run(), 60)
        await wire.until_learned()
        assert wire.backlog.lag == 0
        probes.cancel()

    expected = [(one.user_id, sales.products[item].item_id, one.time) for one in sales.checkouts for item in one.items]
    arrived = [(event["user_id"], event["item_id"], event["timestamp"]) for event in trainer.events]
    assert sorted(arrived) == sorted(expected)
    for events in trainer.by_partition.values():
        times = [event["timestamp"] for event in events]
        assert times == sorted(times)
    assert 0 < trainer.worst_lag <= WINDOW
    assert trainer.events[0]["labels"] == {"purchase": 1}
    assert replay.opened == len(sales.products)
    assert sum(replay.exposed.values()) == sales.events

    asked = [sales.checkouts[number] for number in sampled]
    assert server.asked == asked
    lost = sum(len(lines) for number, lines in sampled.items() if sales.checkouts[number].user_id == "u0")
    assert replay.unanswered == lost > 0
    assert replay.board.lines == 200 - lost
    hits = sum(
        lines.count(sales.checkouts[number].items[0])
        for number, lines in sampled.items()
        if sales.checkouts[number].user_id != "u0"
    )
    assert replay.board.shares()["svq"] == pytest.approx(hits / (200 - lost))
    assert replay.board.shares()["exact"] == 0


async def test_new_products_are_published_before_their_first_sale(settings_with_topics: Settings) -> None:
    sales = make_sales(60, seed=3)
    topics = settings_with_topics.topics
    async with wired(settings_with_topics) as (wire, _):
        probes = Probes(Server())
        await Replay(sales, {}, wire, Server(), probes, opened=0).run()
        probes.cancel()
    consumer = AIOKafkaConsumer(
        topics.candidates, **connection(settings_with_topics.kafka), auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    found: dict[str, dict[str, Any]] = {}
    try:
        async with asyncio.timeout(20):
            while len(found) < len(sales.products):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found |= {record.key.decode(): json.loads(record.value) for record in records}
    finally:
        await consumer.stop()
    for product in sales.products:
        assert found[product.item_id] == {
            "item_id": product.item_id,
            "timestamp": sales.checkouts[product.first].time,
            "features": {"words": ["title"], "price": 1.0},
            "attributes": {"title": product.title, "price": 1.0},
        }


async def test_the_rate_asked_for_is_kept(settings_with_topics: Settings) -> None:
    sales = make_sales(60)
    async with wired(settings_with_topics) as (wire, _):
        loop = asyncio.get_running_loop()
        begun = loop.time()
        probes = Probes(Server())
        await Replay(sales, {}, wire, Server(), probes, opened=0, rate=200).run()
        seconds = loop.time() - begun
        probes.cancel()
    last = len(sales.checkouts[-1].items)
    assert (sales.events - last) / 200 <= seconds < sales.events / 200 + 3


async def test_work_ends_with_the_error_of_what_fails_beside_it() -> None:
    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise StalledError("beside")

    with pytest.raises(StalledError, match="beside"):
        async with failing_with(asyncio.create_task(fail())):
            await asyncio.sleep(10)
    beside = asyncio.create_task(asyncio.sleep(10))
    async with failing_with(beside):
        await asyncio.sleep(0)
    assert beside.cancelled()
    await asyncio.sleep(0)  # nothing of the failure is left behind


async def test_a_trainer_that_stopped_is_said_and_not_waited_for_for_ever(
    settings_with_topics: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.load.wire.SILENCE_S", 1.5)
    sales = make_sales(60)
    async with wired(settings_with_topics, train=False) as (wire, _):
        probes = Probes(Server())
        with pytest.raises(StalledError, match="committed nothing"):
            await asyncio.wait_for(Replay(sales, {}, wire, Server(), probes, opened=0).run(), 30)
        probes.cancel()
        assert 0 < wire.backlog.lag <= WINDOW
