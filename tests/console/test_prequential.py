"""The hit rate of the console: the same as asking by hand just before, never of what was learnt already, never dear."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from streamvq_client.record import Record
from streamvq_client.rows import HistoryRow, encode

from schemas.http import Answer, Query
from schemas.parameters import COMMIT_KEY
from schemas.topics import Topics
from serving.console.prequential import K, Prequential, news
from serving.replica import Replica
from serving.retrieve import Breadth, retrieve
from tests.serving.world import World, as_records

TOPICS = Topics("p")
PAIR = (TOPICS.parameters, TOPICS.histories_changelog)


@pytest.fixture(scope="module")
def world() -> World:
    world = World(TOPICS, items=600)
    world.train(30)
    return world


@pytest.fixture
def replica(world: World) -> Replica:
    """What a server holds, of a version that closed at 1,000 ms."""
    replica = Replica(TOPICS)
    replica.apply(as_records([*world.item_records(), *world.index_records(), *world.history_records()]))
    replica.activate(*world.copied(TOPICS).version())
    return replica


def asking(replica: Replica) -> Callable[[Query], Answer]:
    return lambda query: retrieve(replica, [query], Breadth())[0]


def closing(version: int, time: int) -> Record:
    value = f'{{"v":1,"version":{version},"clock":0,"offsets":{{}},"config_hash":"","time_ms":0}}'
    return Record(TOPICS.parameters, 0, 0, time, COMMIT_KEY, value.encode())


def liked(replica: Replica, user: str, *items: str, time: int = 1500) -> Record:
    before = replica.histories.get(user) or HistoryRow([], [])
    latest = before.times[-1] if before.times else 0
    row = HistoryRow([*before.items, *items], [*before.times, *[latest + 1 + n for n in range(len(items))]])
    return Record(TOPICS.histories_changelog, 0, 0, time, user.encode(), encode(row))


def measuring(replica: Replica, share: float = 1e9, ask: Callable[[Query], Answer] | None = None) -> Prequential:
    measured = Prequential(replica, PAIR, ask or asking(replica), share, random.Random(0))  # noqa: S311
    measured.look([closing(replica.commit.version if replica.commit else 0, 1000)], ready=True)
    return measured


def test_places_are_those_of_an_answer_and_of_popularity(replica: Replica) -> None:
    measured, wanted = measuring(replica), {}
    for number in range(20):
        user = f"u{number}"
        answer = [found.id for found in asking(replica)(Query(user_id=user, k=K)).items]
        items = [answer[0], answer[40], f"i{599 - number}"]
        for item in items:
            wanted[user, item] = answer.index(item) + 1 if item in answer else None
        measured.look([liked(replica, user, *items)], ready=True)
    measured.look([closing(10**9, 1400)], ready=True)
    seen = measured.seen()
    assert (seen.samples, seen.judged, seen.unclear) == (20, 60, 0)
    assert {(one.user, one.item): one.place for one in seen.latest} == dict(list(wanted.items())[-50:])
    popularity = {
        name: replica.items.popularity(np.array([replica.items.find(name)]))[0]
        for name in replica.items.names(replica.items.retrievable())
    }
    for one in seen.latest:
        assert one.popular_place == 1 + sum(value > popularity[one.item] for value in popularity.values())
    places = list(wanted.values())
    assert seen.hit_10 == sum(place is not None and place <= 10 for place in places) / 60
    assert seen.hit_100 == sum(place is not None for place in places) / 60


def test_what_the_model_may_have_learnt_does_not_count(replica: Replica) -> None:
    measured = measuring(replica)
    measured.look(
        [liked(replica, "u1", "i1", time=1000)], ready=True
    )  # in the same transaction as the version in force
    measured.look([liked(replica, "u2", "i1", time=1300)], ready=True)
    assert measured.seen().samples == measured.seen().unclear == 0  # not known yet
    measured.look([closing(10**9, 1250)], ready=True)
    seen = measured.seen()
    assert (seen.samples, seen.unclear, [one.user for one in seen.latest]) == (1, 1, ["u2"])


def test_nothing_is_asked_before_the_server_is_ready_or_of_rows_without_news(replica: Replica) -> None:
    def never(_: Query) -> Answer:
        raise AssertionError("asked")

    measured = measuring(replica, ask=never)
    measured.look([liked(replica, "u1", "i1")], ready=False)
    measured.look([liked(replica, "u1")], ready=True)
    measured.look([Record(TOPICS.histories_changelog, 0, 0, 1500, b"u1", None)], ready=True)
    measuring(replica, share=0.0, ask=never).look([liked(replica, "u1", "i1")], ready=True)


def test_it_takes_no_more_than_its_share_of_a_core(replica: Replica) -> None:
    clock = [0.0]

    def slow(query: Query) -> Answer:
        clock[0] += 0.03
        return asking(replica)(query)

    measured = Prequential(replica, PAIR, slow, 0.01, random.Random(0), lambda: clock[0])  # noqa: S311
    asked = 0.0
    for _ in range(10_000):  # a poll each 10 ms, somebody liked something each time
        before = clock[0]
        measured.look([liked(replica, "u1", "i1")], ready=True)
        asked += clock[0] - before
        clock[0] += 0.01
    assert 0.009 < asked / clock[0] < 0.0105
    assert len(measured._pending) <= 64  # the next version never came


def test_ids_and_rows_that_nobody_expects(replica: Replica) -> None:
    measured = measuring(replica)
    measured.look(
        [Record(TOPICS.histories_changelog, 0, 0, 1500, b"\xff", encode(HistoryRow(["nowhere"], [1])))], ready=True
    )
    measured.look([closing(10**9, 1250)], ready=True)
    (one,) = measured.seen().latest
    assert (one.place, one.popular_place) == (None, None)


def test_news_of_a_full_history() -> None:
    before = HistoryRow(["a", "b", "a"], [1, 2, 3])
    assert news(before, HistoryRow(["b", "a", "a"], [2, 3, 9])) == ["a"]
    assert news(before, HistoryRow(["a"], [3])) == []
