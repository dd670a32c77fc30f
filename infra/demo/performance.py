"""The demonstration itself, on a stack that is up: catalogue, quiet, replay, quiet, count, report."""

import asyncio
from dataclasses import dataclass
from typing import Any

from infra.demo.chaos import Chaos
from infra.demo.customers import SHOWN, title
from infra.demo.live import Live
from infra.demo.options import Options
from infra.demo.probes import Probes
from infra.demo.processes import Processes
from infra.demo.replay import AHEAD, Replay
from infra.demo.report import Measured, report
from infra.demo.sales import Checkout, Sales
from infra.demo.sample import LINES, sample_lines
from infra.demo.screen import Screen
from infra.demo.shop import measure_idle, open_shop
from infra.demo.view import Customer
from infra.failing import failing_with, until_failed
from infra.load.api import Server, Stats
from infra.load.backlog import Backlog
from infra.load.errors import StalledError
from infra.load.ledger import Ledger, read_ledger
from infra.load.wire import Wire
from infra.stack import Stack
from schemas.settings import Settings

# Purchases that the trainer may be behind: about as many as it learns in a second, so that what the server answers is
# little older than that; but three batches at least, else it would wait for the demonstration.
WINDOW, LARGEST_WINDOW, WINDOW_S = 3_072, 6_144, 1.0
OPENING_MS, OPENING_SHARE = 30 * 86_400_000, 0.25
COUNT_DEADLINE_S = 90.0
CUSTOMERS = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left of a demonstration: the report, and customers with their recommendations."""

    report: dict[str, Any]
    customers: list[Customer]


class Performance:
    """One demonstration.

    Args:
        options: what the user chose.
        sales: what is replayed.
        stack: a running stack whose tables are empty.
        screen: where it is shown.
        begun: when the command began, without downloads (monotonic clock, as that of the event loop).
        news: what happens to the processes is put here meanwhile, to be shown.
    """

    def __init__(
        self, options: Options, sales: Sales, stack: Stack, screen: Screen, begun: float, news: list[str]
    ) -> None:
        self._options, self._sales, self._stack, self._begun = options, sales, stack, begun
        self._settings: Settings = stack.settings
        self._processes = Processes(stack)
        self._server = Server(stack.address)
        self._probes = Probes(self._server)
        self._after_probes = Probes(self._server)
        self._live = Live(sales, screen, self._processes, self._probes, self._server)
        self._live.view.notes = news
        self._chaos = Chaos(options.kill, self._processes, news.append)
        opening = sales.opening(OPENING_MS, OPENING_SHARE)
        self._opened = sum(product.first < opening for product in sales.products)

    async def run(self) -> Outcome:
        """Everything from the catalogue to the report.

        Raises:
            StreamVQError: the stack came to a stop.
        """
        kafka, topics = self._settings.kafka, self._settings.topics
        watch = asyncio.create_task(until_failed(self._stack))
        backlog = Backlog(WINDOW, LARGEST_WINDOW, WINDOW_S)
        async with self._server, Wire(kafka, topics, kafka.partitions, backlog) as wire, failing_with(watch):
            time = self._sales.checkouts[0].time - OPENING_MS
            products = self._sales.products[: self._opened]
            self._live.phase(f"publishing {len(products):,} products")
            await open_shop(wire, self._server, products, time)
            self._live.phase("timing new products on the idle stack")
            await measure_idle(wire, self._probes, products, time)
            replay, seconds = await self._replay(wire)
            self._live.phase("counting")
            ledger = await read_ledger(kafka, topics, wire.backlog.published, COUNT_DEADLINE_S)
            self._live.phase("timing new products on the trained, idle stack")
            await measure_idle(wire, self._after_probes, products, replay.now)
            self._live.phase("done")
            return Outcome(await self._report(replay, wire, seconds, ledger), await self._customers())

    async def _replay(self, wire: Wire) -> tuple[Replay, float]:
        loop = asyncio.get_running_loop()
        sampled = sample_lines(self._sales, LINES, self._options.seed)
        total = self._sales.events

        def after(checkout: Checkout) -> None:
            self._live.customers.add(checkout)
            self._chaos.look(wire.backlog.published / total)

        replay = Replay(
            self._sales,
            sampled,
            wire,
            self._server,
            self._probes,
            opened=self._opened,
            rate=self._options.rate,
            after=after,
        )
        self._live.phase("replay")
        drawing = asyncio.create_task(self._live.run(replay, wire))
        begun = loop.time()
        try:
            async with failing_with(drawing):
                await replay.run()
                await wire.until_learned()
                seconds = loop.time() - begun
                await self._probes.finish()
        finally:
            self._probes.cancel()
        self._live.measure(replay, wire)
        return replay, seconds

    async def _report(self, replay: Replay, wire: Wire, seconds: float, ledger: Ledger) -> dict[str, Any]:
        live, board = self._live, replay.board
        stats = await self._stats()
        first = live.first_recommendations
        measured = Measured(
            published=wire.backlog.published,
            seconds=seconds,
            first_recommendations_s=round(first - self._begun, 1) if first else None,
            delays=live.delays() | {"idle_trained": self._after_probes.idle.summary()},
            estimates=board.estimates(seed=self._options.seed),
            sampled=board.lines,
            unanswered=replay.unanswered,
            popularity_half_life=board.popularity_half_life(),
            codes=live.codes(stats),
            ledger=ledger,
            items=stats.items,
            restarts=self._processes.restarts(),
            kills=self._chaos.kills,
            worst_lag=live.worst_lag,
            cpu_seconds=live.meter.seconds(),
            settings=self._chosen(),
        )
        return report(measured)

    async def _stats(self) -> Stats:
        """Of a server that may be on its way up again."""
        end = asyncio.get_running_loop().time() + COUNT_DEADLINE_S
        while (stats := await self._server.stats()) is None:
            if asyncio.get_running_loop().time() > end:
                raise StalledError(f"the server at {self._stack.address} stopped answering: its log says why")
            await asyncio.sleep(0.5)
        return stats

    def _chosen(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "seed": self._options.seed,
            "rate": self._options.rate,
            "indexers": self._options.indexers,
            "partitions": settings.kafka.partitions,
            "publish_interval_ms": settings.trainer.publish_interval_ms,
            "batch": settings.model.batch,
            "window": [WINDOW, LARGEST_WINDOW, WINDOW_S],
            "asked_ahead_checkouts": AHEAD,
            "products_at_start": self._opened,
            "sales_file": "published" if self._sales.published else "another",
            "lines_left_out": self._sales.left_out,
        }

    async def _customers(self) -> list[Customer]:
        shown = []
        customers = self._live.customers
        for user_id in customers.chosen(CUSTOMERS, self._options.seed):
            customer = customers.view(user_id)
            found = await self._server.recommend(user_id, customer.country, SHOWN, customers.item_ids(user_id))
            customer.recommended = [title(text) for text in found.titles] if found else []
            shown.append(customer)
        return shown
