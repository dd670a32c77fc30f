"""Which purchase lines are asked about before they are published."""

import numpy as np

from infra.demo.sales import Sales

LINES = 6_000
BLOCK = 8


def sample_lines(sales: Sales, lines: int, seed: int, block: int = BLOCK) -> dict[int, tuple[int, ...]]:
    """A sample without replacement in which every line is as likely: checkout's number -> its sampled products.

    The stream is cut into blocks of consecutive lines, and whole blocks are drawn: lines of one checkout share a
    question to the server, and a question an event would make the demonstration the heaviest user of the machine. The
    intervals know that such lines hang together: they resample customers.

    >>> from infra.demo.sales import Checkout, Sales
    >>> sales = Sales((Checkout("u", "France", 0, (4, 5)), Checkout("v", "Spain", 1, (6,))), (), {}, False)
    >>> sample_lines(sales, 3, seed=0)
    {0: (4, 5), 1: (6,)}
    """
    total = sales.events
    blocks = -(-total // block)
    wanted = min(-(-lines // block), blocks)
    chosen = np.zeros(blocks * block, np.bool_)
    drawn = np.random.default_rng(seed).choice(blocks, size=wanted, replace=False)
    chosen.reshape(blocks, block)[drawn] = True
    sampled: dict[int, tuple[int, ...]] = {}
    begin = 0
    for number, checkout in enumerate(sales.checkouts):
        end = begin + len(checkout.items)
        picked = tuple(item for item, taken in zip(checkout.items, chosen[begin:end], strict=True) if taken)
        if picked:
            sampled[number] = picked
        begin = end
    return sampled
