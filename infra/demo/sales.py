"""A shop's sales as a stream: checkouts in order of time, products in order of their first sale."""

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Product:
    """One article: its stock code, description and price when first sold, and the number of that checkout."""

    item_id: str
    title: str
    words: tuple[str, ...]
    price: float
    first: int


@dataclass(frozen=True, slots=True)
class Checkout:
    """One invoice of one customer: who, where, when (ms since 1970), and the bought products' numbers, line by line."""

    user_id: str
    country: str
    time: int
    items: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sales:
    """The stream of a shop.

    Attributes:
        checkouts: in order of time.
        products: in order of first sale; checkouts name them by their place here.
        left_out: why -> lines that are no sale of a product to a known customer.
        published: the file is byte for byte the published one.
    """

    checkouts: tuple[Checkout, ...]
    products: tuple[Product, ...]
    left_out: dict[str, int]
    published: bool

    @property
    def events(self) -> int:
        """Purchase lines."""
        return count_lines(self.checkouts)

    def first_events(self, limit: int) -> "Sales":
        """The stream's first `limit` purchase lines; the last checkout may lose some of its own."""
        kept: list[Checkout] = []
        left = limit
        for checkout in self.checkouts:
            if left <= 0:
                break
            kept.append(replace(checkout, items=checkout.items[:left]))
            left -= len(checkout.items)
        sold = 1 + max((item for checkout in kept for item in checkout.items), default=-1)
        return replace(self, checkouts=tuple(kept), products=self.products[:sold])

    def opening(self, longest_ms: int, share: float) -> int:
        """How many checkouts the shop's opening period has: `longest_ms`, at most this share of the events."""
        budget = share * self.events
        seen = 0
        for number, checkout in enumerate(self.checkouts):
            seen += len(checkout.items)
            if seen > budget or checkout.time - self.checkouts[0].time > longest_ms:
                return number
        return len(self.checkouts)


def count_lines(checkouts: Iterable[Checkout]) -> int:
    """Purchase lines of these checkouts."""
    return sum(len(checkout.items) for checkout in checkouts)
