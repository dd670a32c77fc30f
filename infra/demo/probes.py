"""Delays measured from outside: a record is published, then the server's answer about its item is watched."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from infra.load.latencies import Latencies

Seen = Callable[["ItemView"], bool]

CANDIDATE_POLL_S = 0.01
EXPOSURE_POLL_S = 0.05
IDLE_POLL_S = 0.004
DEADLINE_S = 60.0
CANDIDATES_AT_ONCE = 2
EXPOSURES_AT_ONCE = 1


class ItemView(Protocol):
    """What the server says of an item."""

    @property
    def retrievable(self) -> bool: ...  # noqa: D102
    @property
    def published(self) -> int | None: ...  # noqa: D102
    @property
    def exposures(self) -> int | None: ...  # noqa: D102


class Items(Protocol):
    """Who is asked about items."""

    async def item(self, item_id: str) -> ItemView | None:
        """What the server knows, None while it knows nothing or does not answer."""


class Probes:
    """Watches a bounded number of items at a time; what is beyond goes by unmeasured.

    Attributes:
        candidate: published until retrievable.
        exposure: purchase published until its item's row counts it, filed anew and retrievable.
        idle: as candidate, before the replay begins.
    """

    def __init__(self, items: Items) -> None:
        self.candidate, self.exposure, self.idle = Latencies(), Latencies(), Latencies()
        self._items = items
        self._candidates: set[asyncio.Task[bool]] = set()
        self._exposures: set[asyncio.Task[bool]] = set()

    @property
    def wants_exposure(self) -> bool:
        """Whether another purchase may be watched now."""
        return len(self._exposures) < EXPOSURES_AT_ONCE

    def watch_candidate(self, item_id: str) -> None:
        """A new product was published just now."""
        if len(self._candidates) < CANDIDATES_AT_ONCE:
            self._start(self._candidates, item_id, _is_retrievable, self.candidate, CANDIDATE_POLL_S)

    def watch_exposure(self, item_id: str, count: int) -> None:
        """A purchase of the item was published just now; with it there were `count` in all."""
        if self.wants_exposure:
            self._start(
                self._exposures,
                item_id,
                lambda view: view.retrievable and (view.exposures or 0) >= count,
                self.exposure,
                EXPOSURE_POLL_S,
            )

    async def watch_idle(self, item_id: str, published: int, begun: float, *, counted: bool) -> bool:
        """A product was published again with another time, at `begun` of the loop's clock; whether it was seen."""
        into = self.idle if counted else Latencies()
        return await self._watch(
            item_id, lambda view: view.retrievable and view.published == published, into, begun, IDLE_POLL_S
        )

    async def finish(self) -> None:
        """Return when every watch has ended; each has a deadline."""
        await asyncio.gather(*self._candidates, *self._exposures)

    def cancel(self) -> None:
        """End all watches unmeasured."""
        for task in (*self._candidates, *self._exposures):
            task.cancel()

    def _start(self, tasks: set[asyncio.Task[bool]], item_id: str, seen: Seen, into: Latencies, poll_s: float) -> None:
        begun = asyncio.get_running_loop().time()
        task = asyncio.create_task(self._watch(item_id, seen, into, begun, poll_s))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _watch(self, item_id: str, seen: Seen, into: Latencies, begun: float, poll_s: float) -> bool:
        loop = asyncio.get_running_loop()
        while loop.time() - begun < DEADLINE_S:
            view = await self._items.item(item_id)
            now = loop.time()
            if view is not None and seen(view):
                into.add(1000 * (now - begun))
                return True
            await asyncio.sleep(poll_s)
        into.give_up()
        return False


def _is_retrievable(view: ItemView) -> bool:
    return view.retrievable
