"""Publishes the sales in order of time, asking about sampled ones first, no faster than the trainer keeps up."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, Protocol

from infra.demo import records
from infra.demo.baselines import BasketNeighbours, Popularity
from infra.demo.probes import Probes
from infra.demo.sales import Checkout, Sales
from infra.demo.scoreboard import POPULARITY, Scoreboard
from infra.load.wire import Wire

K = 100
AHEAD = 32
KNN_HALF_LIFE = 1  # of `baselines.HALF_LIVES`: what fills up behind the neighbours


class Asks(Protocol):
    """Who answers before an event is published."""

    async def foresee(self, checkout: Checkout, k: int) -> Mapping[str, Collection[str]] | None:
        """Arm -> item ids, all by the same version of the model; None when there was no answer."""


class _Coming(NamedTuple):
    number: int
    checkout: Checkout
    answer: "asyncio.Task[Mapping[str, Collection[str]] | None] | None"


class Replay:
    """One pass over the sales.

    Attributes:
        board: what was foreseen.
        unanswered: sampled lines without an answer, left out for all arms.
        exposed: purchases published so far, by product.
        opened: products published so far.
        now: time of the stream, ms since 1970.
    """

    def __init__(
        self,
        sales: Sales,
        sampled: Mapping[int, tuple[int, ...]],
        wire: Wire,
        asks: Asks,
        probes: Probes,
        *,
        opened: int,
        rate: float | None = None,
        after: Callable[[Checkout], None] = lambda _: None,
    ) -> None:
        """`opened` products are published already; `after` is told of each checkout that was published."""
        self.board = Scoreboard()
        self.unanswered = 0
        self.exposed: Counter[int] = Counter()
        self.opened = opened
        self.now = sales.checkouts[0].time
        self.begun: float | None = None
        self._sales, self._sampled, self._rate, self._after = sales, sampled, rate, after
        self._wire, self._asks, self._probes = wire, asks, probes
        self._numbers = {product.item_id: number for number, product in enumerate(sales.products)}
        self._popularity = Popularity(len(sales.products))
        self._neighbours = BasketNeighbours(len(sales.products))

    async def run(self) -> None:
        """Publish everything.

        A question goes out a few checkouts before its own is published, so that the stream need not stop for the
        answer; the baselines know everything up to the checkout itself.

        Raises:
            StalledError: Kafka or the trainer stopped.
        """
        self.begun = asyncio.get_running_loop().time()
        coming: deque[_Coming] = deque()
        try:
            for number, checkout in enumerate(self._sales.checkouts):
                coming.append(self._prepare(number, checkout))
                if len(coming) > AHEAD:
                    await self._publish(coming[0])
                    coming.popleft()
            while coming:
                await self._publish(coming[0])
                coming.popleft()
        finally:
            for left in coming:
                if left.answer:
                    left.answer.cancel()
        await self._wire.flush()

    def _prepare(self, number: int, checkout: Checkout) -> _Coming:
        if number not in self._sampled:
            return _Coming(number, checkout, None)
        return _Coming(number, checkout, asyncio.create_task(self._asks.foresee(checkout, K)))

    async def _publish(self, coming: _Coming) -> None:
        number, checkout, answer = coming
        await self._wire.until_room(len(checkout.items))
        await self._keep_rate()
        self.now = checkout.time
        await self._release(number, checkout.time)
        if answer is not None:
            self._judge(checkout, self._sampled[number], await answer)
        await self._wire.exposures(
            checkout.user_id, records.exposures(checkout, self._sales.products), len(checkout.items)
        )
        self.exposed.update(checkout.items)
        self._popularity.add(checkout.items)
        self._neighbours.add(checkout.user_id, checkout.items)
        self._after(checkout)
        if self._probes.wants_exposure:
            item = checkout.items[number % len(checkout.items)]
            self._probes.watch_exposure(self._sales.products[item].item_id, self.exposed[item])

    async def _keep_rate(self) -> None:
        if self._rate and self.begun is not None:
            due = self.begun + self._wire.backlog.published / self._rate
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))

    async def _release(self, number: int, time: int) -> None:
        """Publish the products that are sold for the first time now: nothing is known of them but words and price."""
        products = self._sales.products
        while self.opened < len(products) and products[self.opened].first <= number:
            product = products[self.opened]
            await self._wire.candidate(product.item_id, records.candidate(product, time))
            self._probes.watch_candidate(product.item_id)
            self.opened += 1

    def _judge(self, checkout: Checkout, lines: tuple[int, ...], answer: Mapping[str, Collection[str]] | None) -> None:
        if answer is None:
            self.unanswered += len(lines)
            return
        popularity = self._popularity
        arms: dict[str, Collection[int]] = {
            f"{POPULARITY}@{half_life:g}": set(top.tolist())
            for half_life, top in zip(popularity.half_lives, popularity.top(K), strict=True)
        }
        near = self._neighbours.top(checkout.user_id, K, popularity.counts_hn[KNN_HALF_LIFE])
        arms["item_knn"] = set(near.tolist())
        for arm, ids in answer.items():
            arms[arm] = {self._numbers[item_id] for item_id in ids if item_id in self._numbers}
        self.board.add(checkout.user_id, lines, arms)
