"""Keeps the screen up while the replay runs."""

import asyncio
from collections import deque

from infra.demo.customers import SHOWN, Customers, most_regular, title
from infra.demo.meter import Meter
from infra.demo.probes import Probes
from infra.demo.processes import Processes
from infra.demo.replay import Replay
from infra.demo.sales import Sales
from infra.demo.screen import Screen
from infra.demo.view import Codes, View
from infra.load.api import Server, Stats
from infra.load.wire import Wire

TICK_S = 0.5
ASK_EVERY = 4  # ticks between two questions to the server
RATE_S = 5.0


class Live:
    """Reads what the parts of the replay know, asks the server for the rest, and draws it.

    Attributes:
        view: the latest figures.
        worst_lag: purchases not yet learned from, at most.
        first_recommendations: clock of the loop at the first answer that rests on sales.
    """

    def __init__(self, sales: Sales, screen: Screen, processes: Processes, probes: Probes, server: Server) -> None:
        self.view = View(events=sales.events)
        self.meter = Meter()
        self.worst_lag = 0
        self.first_recommendations: float | None = None
        self.customers = Customers(sales)
        self._shown_customer = most_regular(sales)
        self._screen, self._processes, self._probes, self._server = screen, processes, probes, server
        self._recent: deque[tuple[float, int]] = deque(maxlen=round(RATE_S / TICK_S))

    def phase(self, name: str) -> None:
        """What happens now."""
        self.view.phase = name
        self._screen.show(self.view)

    async def run(self, replay: Replay, wire: Wire) -> None:
        """Draw until cancelled."""
        ticks = 0
        while True:
            if ticks % ASK_EVERY == 0:
                await self._ask()
            self.measure(replay, wire)
            self._screen.show(self.view)
            ticks += 1
            await asyncio.sleep(TICK_S)

    def measure(self, replay: Replay, wire: Wire) -> None:
        """Bring the view up to now."""
        view, now = self.view, asyncio.get_running_loop().time()
        backlog = wire.backlog
        view.published, view.lag, view.stream_time = backlog.published, backlog.lag, replay.now
        view.seconds = now - (replay.begun or now)
        view.shares, view.sampled = replay.board.shares(), replay.board.lines
        view.delays = self.delays()
        view.restarts = sum(self._processes.restarts().values())
        self.worst_lag = max(self.worst_lag, backlog.lag)
        self._recent.append((now, backlog.done))
        since, done = self._recent[0]
        view.rate = (backlog.done - done) / (now - since) if now > since else 0.0
        backlog.adapt(view.rate)
        self.meter.look(self._processes.pids())

    def delays(self) -> dict[str, dict[str, float | int | None]]:
        """All delays measured so far."""
        probes = self._probes
        return {
            "idle": probes.idle.summary(),
            "candidate": probes.candidate.summary(),
            "exposure": probes.exposure.summary(),
        }

    @staticmethod
    def codes(stats: Stats) -> Codes:
        """The codebook as the server shows it."""
        return Codes(stats.codes, stats.codes_used, stats.perplexity)

    async def _ask(self) -> None:
        stats = await self._server.stats()
        if stats:
            self.view.items = stats.items
            self.view.codes = self.codes(stats)
        customer = self.customers.view(self._shown_customer)
        country = customer.country
        found = await self._server.recommend(
            self._shown_customer, country, SHOWN, self.customers.item_ids(self._shown_customer)
        )
        if found:
            customer.recommended = [title(text) for text in found.titles]
            self.view.customer = customer
            if found.clock and found.titles and self.first_recommendations is None:
                self.first_recommendations = asyncio.get_running_loop().time()
