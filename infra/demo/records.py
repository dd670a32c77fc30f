"""The shop's events as the applications of streamvq write them."""

from typing import Any

import msgspec

from infra.demo.sales import Checkout, Product

TASK = "purchase"

_encode = msgspec.json.encode


def exposures(checkout: Checkout, products: tuple[Product, ...]) -> bytes:
    """A checkout as one record: an exposure a line, all of one user."""
    events: list[dict[str, Any]] = [
        {
            "user_id": checkout.user_id,
            "item_id": products[item].item_id,
            "timestamp": checkout.time,
            "labels": {TASK: 1},
            "user": {"country": checkout.country},
        }
        for item in checkout.items
    ]
    return _encode(events)


def candidate(product: Product, timestamp: int) -> bytes:
    """A product as a candidate: its words and price to learn from, its title to show."""
    return _encode(
        {
            "item_id": product.item_id,
            "timestamp": timestamp,
            "features": {"words": list(product.words), "price": product.price},
            "attributes": {"title": product.title, "price": product.price},
        }
    )
