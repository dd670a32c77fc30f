"""Keeps a stack busy: publishes visits at a rate, turns the catalogue over, asks the server."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import Literal

from infra.load.api import Server
from infra.load.errors import StalledError
from infra.load.latencies import Latencies
from infra.load.wire import Wire
from infra.load.world import World

TICK_S = 0.05
OPEN_DEADLINE_S = 300.0
K = 20


def now_ms() -> int:
    """Wall clock, ms since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Done:
    """What the driver did.

    Attributes:
        held_back_s: time in which it published nothing because the trainer was too far behind.
        turned: items taken off, each for one put on.
        unanswered: queries without an answer; the others are in `answered`.
    """

    held_back_s: float = 0.0
    turned: int = 0
    unanswered: int = 0
    answered: Latencies = field(default_factory=Latencies)


class Driver:
    """One world's traffic over one wire. Each loop runs until it is cancelled, or for the time it is given.

    Attributes:
        done: what it did so far.
        lines, world, server: as given.

    Args:
        source: what `publish` publishes, visits of users or items that changed.
        lines: exposures a record; None for as many as come.
    """

    def __init__(
        self,
        world: World,
        wire: Wire,
        server: Server,
        source: Literal["exposures", "candidates"] = "exposures",
        lines: int | None = None,
    ) -> None:
        self.done = Done()
        self.lines = lines
        self.world, self._wire, self.server = world, wire, server
        self._one = self._visit if source == "exposures" else self._change
        self._changes = itertools.count()
        self._published: dict[str, int] = {}

    async def open(self) -> None:
        """Publish what is on offer and return when the server can recommend all of it; StalledError if it cannot."""
        offered = [self.world.item_id(number) for number in self.world.on_offer]
        for item_id in offered:
            await self._offer(item_id)
        await self._wire.flush()
        found = 0
        try:
            async with asyncio.timeout(OPEN_DEADLINE_S):
                while found < len(offered):
                    stats = await self.server.stats()
                    found = stats.items if stats else 0
                    await asyncio.sleep(TICK_S)
        except TimeoutError:
            raise StalledError(f"{found} of {len(offered)} items are retrievable after {OPEN_DEADLINE_S:g} s") from None

    async def publish(self, seconds: float, rate: float | None = None, *, patient: bool = True) -> None:
        """Publish for so long, so many a second, or as many as the wire has room for.

        A patient driver stops while the workers are further behind than the wire's window.
        """
        loop = asyncio.get_running_loop()
        begun, sent, held = loop.time(), 0, 0.0
        while (now := loop.time()) - begun < seconds:
            due = (now - begun - held) * rate if rate is not None else sent + self._wire.backlog.room
            while sent < due and (not patient or self._wire.backlog.room > 0):
                sent += await self._one()
            if patient and rate is not None and self._wire.backlog.room <= 0:
                await self._wire.until_room(1)
                held += loop.time() - now
                continue
            await asyncio.sleep(TICK_S)
        self.done.held_back_s += held

    async def turn_over(self, rate: float) -> None:
        """Take so many items a second off and put as many on."""
        while True:
            gone, come = self.world.turn()
            await self._wire.candidate(gone, None)
            await self._offer(come)
            self.done.turned += 1
            await asyncio.sleep(1 / rate)

    async def ask(self, rate: float) -> None:
        """Ask so many times a second, one question after the other."""
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            query = self.world.query(K)
            found = await self.server.recommend(query["user_id"], query["features"]["country"], K)
            if found is None:
                self.done.unanswered += 1
            else:
                self.done.answered.add(1000 * (loop.time() - begun))
            await asyncio.sleep(max(0.0, begun + 1 / rate - loop.time()))

    async def stale(self) -> list[str]:
        """Items of which the server does not show what was published last."""
        offered = map(self.world.item_id, self.world.on_offer)
        return [item_id for item_id in offered if not await self._shown(item_id)]

    async def _shown(self, item_id: str) -> bool:
        found = await self.server.item(item_id)
        return found is not None and found.published == self._published.get(item_id)

    async def _offer(self, item_id: str) -> None:
        published = now_ms()
        self._published[item_id] = published
        await self._wire.candidate(item_id, self.world.candidate(item_id, published))

    async def _change(self) -> int:
        on_offer = self.world.on_offer
        await self._offer(self.world.item_id(on_offer[next(self._changes) % len(on_offer)]))
        return 1

    async def _visit(self) -> int:
        visit = self.world.visit(now_ms(), self.lines)
        await self._wire.exposures(visit.user_id, visit.value, visit.lines)
        return visit.lines
