"""Items that a rule leaves out are in no answer, whatever happens to them."""

from streamvq_client.record import Record
from streamvq_client.rows import HistoryRow, ItemIndexRow, ItemRow, encode

from pipeline.eligibility import Between, Eligibility
from schemas.http import Query
from schemas.topics import Topics
from serving.replica import Replica
from serving.retrieve import retrieve
from serving.stream_time import StreamTime
from tests.serving.test_retrieve import WIDE, ids

NOW = 1_700_000_000_000
DAY = 86_400_000
RULE = Eligibility(max_age_ms=DAY, where={"stock": (True,), "price": Between(most=10)})


class Shop:
    """A replica whose items come and go."""

    def __init__(self, eligible: Eligibility = RULE) -> None:
        self.topics = Topics("t")
        self.replica = Replica(self.topics, eligible, StreamTime(lambda: NOW + 100 * DAY))

    def item(self, name: str, published: int = NOW, price: float = 1.0, *, stock: bool = True) -> None:
        self._put(self.topics.items_changelog, name, ItemRow({"price": price}, {"stock": stock}, published))
        self._put(self.topics.item_index_changelog, name, ItemIndexRow([-1], [0.0], [0.0], 1, 1, published, published))

    def liked(self, time: int, *users: str) -> None:
        for user in users or ("u", "v"):
            self._put(self.topics.histories_changelog, user, HistoryRow(["a"], [time]))

    def offered(self, *, exact: bool = False) -> set[str]:
        [answer] = retrieve(self.replica, [Query(exact=exact)], WIDE)
        found = set(ids(answer))
        assert len(self.replica.items) == len(found) == len(self.replica.items.retrievable())
        return found

    def _put(self, topic: str, key: str, row: ItemRow | ItemIndexRow | HistoryRow) -> None:
        self.replica.apply([Record(topic, 0, 0, NOW, key.encode(), encode(row))])


def test_items_whose_attributes_do_not_fit() -> None:
    shop = Shop()
    shop.item("fits")
    shop.item("sold out", stock=False)
    shop.item("dear", price=11.0)
    assert shop.offered() == shop.offered(exact=True) == {"fits"}
    shop.item("sold out", stock=True)
    shop.item("fits", stock=False)
    assert shop.offered() == shop.offered(exact=True) == {"sold out"}


def test_items_grow_too_old_as_the_stream_goes_on() -> None:
    shop = Shop()
    shop.item("old", NOW - 2 * DAY)
    shop.item("new", NOW)
    assert shop.offered() == {"old", "new"}, "before anybody liked anything it is not known how late it is"
    shop.liked(NOW)
    assert shop.offered() == shop.offered(exact=True) == {"new"}
    shop.liked(NOW + DAY)
    assert shop.offered() == {"new"}
    shop.liked(NOW + DAY + 1)
    assert shop.offered() == shop.offered(exact=True) == set()
    shop.item("late", NOW - DAY)
    assert shop.offered() == set()


def test_one_event_with_a_wrong_date_makes_no_item_too_old() -> None:
    shop = Shop()
    shop.item("a", NOW)
    shop.liked(NOW + 50 * DAY, "first of all")
    assert shop.offered() == {"a"}
    shop.liked(NOW)
    shop.liked(NOW + 70 * DAY, "first of all")
    shop.liked(NOW + DAY)
    assert shop.offered() == {"a"}
    shop.liked(NOW + DAY + 1)
    assert shop.offered() == set()


def test_an_item_published_again_is_as_young_as_that() -> None:
    shop = Shop()
    shop.item("a", NOW)
    shop.item("a", NOW + DAY)
    shop.liked(NOW + 2 * DAY)
    assert shop.offered() == {"a"}
    shop.liked(NOW + 3 * DAY)
    assert shop.offered() == set()
    shop.item("a", NOW + 3 * DAY)
    assert shop.offered() == {"a"}


def test_without_a_rule_everything_is_offered() -> None:
    shop = Shop(Eligibility())
    shop.item("a", NOW - 1000 * DAY, stock=False)
    shop.liked(NOW)
    assert shop.offered() == shop.offered(exact=True) == {"a"}
