"""Real customers to look at: what they bought, and who of them tells something."""

from collections import Counter, defaultdict

import numpy as np

from infra.demo.sales import Checkout, Sales
from infra.demo.view import Customer

SHOWN = 5
FEW, MANY = 3, 20  # checkouts of a customer worth a look: known to the shop, and not a reseller


class Customers:
    """Who bought what so far."""

    def __init__(self, sales: Sales) -> None:
        self._sales = sales
        self._bought: dict[str, dict[int, None]] = defaultdict(dict)
        self._country: dict[str, str] = {}

    def add(self, checkout: Checkout) -> None:
        """A checkout was published; what is bought again moves to the end."""
        bought = self._bought[checkout.user_id]
        for item in checkout.items:
            bought.pop(item, None)
            bought[item] = None
        self._country[checkout.user_id] = checkout.country

    def view(self, user_id: str) -> Customer:
        """What is known of a customer, the latest purchases last; recommendations are not filled in."""
        latest = list(self._bought.get(user_id, {}))[-SHOWN:]
        titles = [title(self._sales.products[item].title) for item in latest]
        return Customer(user_id, self._country.get(user_id, ""), titles)

    def item_ids(self, user_id: str) -> list[str]:
        """Everything the customer bought."""
        return [self._sales.products[item].item_id for item in self._bought.get(user_id, {})]

    def chosen(self, n: int, seed: int) -> list[str]:
        """Customers among those who came a few times, seeded."""
        visits = Counter(checkout.user_id for checkout in self._sales.checkouts if checkout.user_id in self._bought)
        regular = sorted(user_id for user_id, count in visits.items() if FEW <= count <= MANY) or sorted(visits)
        drawn = np.random.default_rng(seed).permutation(len(regular))[:n]
        return [regular[at] for at in drawn]


def most_regular(sales: Sales) -> str:
    """The customer with the most checkouts: whose recommendations change most often."""
    return Counter(checkout.user_id for checkout in sales.checkouts).most_common(1)[0][0]


def title(text: str) -> str:
    """A product's title as it is shown: the shop writes in capitals.

    >>> title("WHITE METAL LANTERN")
    'White metal lantern'
    """
    return text.capitalize()
