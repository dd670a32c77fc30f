"""Which purchase lines are asked about before they are published."""

import numpy as np

from infra.demo.sales import Sales

LINES = 6_000


def sample_lines(sales: Sales, lines: int, seed: int) -> dict[int, tuple[int, ...]]:
    """A uniform sample without replacement: number of the checkout -> its sampled products, one a line.

    >>> from infra.demo.sales import Checkout, Sales
    >>> sales = Sales((Checkout("u", "France", 0, (4, 5)), Checkout("v", "Spain", 1, (6,))), (), {}, False)
    >>> sample_lines(sales, 3, seed=0)
    {0: (4, 5), 1: (6,)}
    """
    total = sales.events
    chosen = np.zeros(total, np.bool_)
    chosen[np.random.default_rng(seed).choice(total, size=min(lines, total), replace=False)] = True
    sampled: dict[int, tuple[int, ...]] = {}
    begin = 0
    for number, checkout in enumerate(sales.checkouts):
        end = begin + len(checkout.items)
        picked = tuple(item for item, taken in zip(checkout.items, chosen[begin:end], strict=True) if taken)
        if picked:
            sampled[number] = picked
        begin = end
    return sampled
