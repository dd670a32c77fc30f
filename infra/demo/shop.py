"""Before the first sale: the shop publishes its catalogue, and one product after another changes while all is quiet."""

import asyncio
from collections.abc import Sequence

from infra.demo import records
from infra.demo.probes import Probes
from infra.demo.sales import Product
from infra.load.api import Server
from infra.load.errors import StalledError
from infra.load.wire import Wire

LOAD_DEADLINE_S = 120.0
LOOK_S = 0.1
IDLE_PROBES, WARM_UP = 100, 5


async def open_shop(wire: Wire, server: Server, products: Sequence[Product], time: int) -> None:
    """Publish these products and return when the server can recommend all of them.

    Raises:
        StalledError: it cannot within two minutes.
    """
    for product in products:
        await wire.candidate(product.item_id, records.candidate(product, time))
    await wire.flush()
    found = 0
    try:
        async with asyncio.timeout(LOAD_DEADLINE_S):
            while found < len(products):
                stats = await server.stats()
                found = stats.items if stats else 0
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise StalledError(
            f"{found} of {len(products)} products are retrievable {LOAD_DEADLINE_S:g} s after they were published: "
            "the indexer's log says why"
        ) from None


async def measure_idle(wire: Wire, probes: Probes, products: Sequence[Product], time: int) -> None:
    """Publish products anew, one at a time, each with a time of its own, and wait until the server has that one.

    The first few warm up the processes' code paths and are not counted. The first that does not come ends it.
    """
    loop = asyncio.get_running_loop()
    for at in range(WARM_UP + IDLE_PROBES):
        product = products[at % len(products)]
        published = time + 1 + at
        begun = loop.time()
        await wire.candidate(product.item_id, records.candidate(product, published))
        if not await probes.watch_idle(product.item_id, published, begun, counted=at >= WARM_UP):
            return
