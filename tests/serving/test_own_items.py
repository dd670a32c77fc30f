"""What users liked before: how long ago in the stream, and what it adds to candidates and scores."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamvq_client.record import Record
from streamvq_client.rows import HistoryRow, ItemRow, encode

from pipeline.inputs import UserInputs
from pipeline.repeats import BUCKETS
from schemas.http import Answer, Query
from schemas.topics import Topics
from serving.replica import Replica
from serving.retrieve import Breadth, retrieve
from serving.stream_time import StreamTime
from tests.serving import brute_force
from tests.serving.test_retrieve import WIDE, Filled, check, ids
from tests.serving.world import BEGIN, as_records

NARROW = Breadth(k=10, floor=1, fraction=1e-9, limit=10, chunk=1)
ITEMS = st.lists(st.sampled_from([f"i{n}" for n in range(0, 300, 7)] + ["unheard-of"]), max_size=12)


@pytest.fixture(scope="module")
def filled() -> Filled:
    return Filled()


@pytest.fixture
def worth(filled: Filled) -> Iterator[Any]:
    """Sets what repeats are worth, in the replica and in what it is compared with."""
    models = [filled.world.twin, filled.replica.model]
    before = filled.world.twin.bonus_tb.copy()

    def set_(bonus_tb: Any) -> None:
        for model in models:
            assert model is not None
            model.bonus_tb[:] = bonus_tb

    yield set_
    set_(before)


@given(
    user=st.sampled_from(["u1", "u7", "stranger", None]),
    history=st.none() | ITEMS,
    exclude=ITEMS,
    click=st.floats(-1, 1),
    k=st.integers(1, 40),
)
def test_an_exact_answer_is_that_of_brute_force(
    filled: Filled, user: str | None, history: list[str] | None, exclude: list[str], click: float, k: int
) -> None:
    query = Query(user_id=user, history=history, exclude=exclude, tasks={"click": click, "watch": 1.0}, k=k, exact=True)
    [answer] = retrieve(filled.replica, [query], WIDE)
    check(answer, filled.all_scores(query))


def test_the_world_has_taught_that_repeats_are_worth_something(filled: Filled) -> None:
    assert np.abs(filled.world.twin.bonus_tb).max() > 0.05


def test_items_liked_before_are_always_candidates(filled: Filled, worth: Any) -> None:
    worth(100.0)
    history = ["i5", "i299", "i250", "i250"]
    query = Query(user_id="u1", history=history, k=10, explain=True)
    [answer] = retrieve(filled.replica, [query], NARROW)
    assert answer.candidates == 10
    assert set(ids(answer)[:3]) == set(history)
    without = query.model_copy(update={"history": []})
    [other] = retrieve(filled.replica, [without], NARROW)
    found = {item.id: item.explanation for item in answer.items}
    assert not {"i299", "i250"} & set(ids(other))
    for name in ("i299", "i250"):
        explanation = found[name]
        assert explanation is not None
        assert (explanation.coarse_score, explanation.coarse_position) == (None, None)
        assert {part.repeat for part in explanation.tasks.values()} == {100.0}


def test_there_are_never_more_candidates_than_asked_for(filled: Filled, worth: Any) -> None:
    worth(100.0)
    query = Query(history=["i1", "i2", "i3", "i4", "i5"], k=3, candidates=3)
    [answer] = retrieve(filled.replica, [query], NARROW)
    assert answer.candidates == 3
    assert set(ids(answer)) == {"i5", "i4", "i3"}


def test_weights_decide_whether_a_repeat_counts(filled: Filled, worth: Any) -> None:
    worth(np.array([[50.0], [-100.0]]) * np.ones(BUCKETS))
    history = ["i299", "i298"]
    for tasks, wanted in [({"click": 1.0}, True), ({"watch": 1.0}, False), ({"click": 1.0, "watch": 1.0}, False)]:
        [answer] = retrieve(filled.replica, [Query(history=history, tasks=tasks)], NARROW)
        assert (set(history) <= set(ids(answer))) == wanted
    check_exact(filled, Query(history=history, tasks={"click": 1.0, "watch": 1.0}, k=300, exact=True))


def check_exact(filled: Filled, query: Query) -> Answer:
    [answer] = retrieve(filled.replica, [query], WIDE)
    check(answer, filled.all_scores(query))
    return answer


def test_items_liked_before_come_only_if_they_may_be_offered(worth: Any) -> None:
    filled = Filled(steps=6)
    model = filled.replica.model
    assert model is not None
    model.bonus_tb[:] = 100.0
    topics, gone = filled.world.topics, ItemRow({}, {}, BEGIN, deleted=BEGIN)
    filled.replica.apply(
        as_records([(topics.items_changelog, b"i2", encode(gone)), (topics.item_index_changelog, b"i3", None)])
    )
    [answer] = retrieve(filled.replica, [Query(history=["i1", "i2", "i3", "i4", "nothing"], exclude=["i1"])], NARROW)
    assert ids(answer)[0] == "i4"
    assert not {"i1", "i2", "i3", "nothing"} & set(ids(answer))


def read(replica: Replica, user: str, times: list[int]) -> None:
    row = HistoryRow([f"i{n}" for n in range(len(times))], times)
    replica.apply([Record(replica.topics[-1], 0, 0, 0, user.encode(), encode(row))])


def test_stream_time_is_what_two_users_have_reached_and_never_in_the_future() -> None:
    replica = Replica(Topics("t"), time=StreamTime(lambda: 10_000))
    assert replica.time.now is None
    read(replica, "a", [1000, 4000])
    assert replica.time.now is None
    assert replica.time.ages([1000]) == []
    read(replica, "b", [2000])
    assert replica.time.now == 2000
    read(replica, "b", [2000, 5000])
    assert replica.time.now == 4000
    assert replica.time.ages([1000, 4000, 5000]) == [3.0, 0.0, 0.0]
    read(replica, "c", [])
    replica.apply([Record(replica.topics[-1], 0, 0, 0, b"a", None)])
    assert replica.time.now == 4000
    read(replica, "b", [99_000])
    assert replica.time.now == 4000
    read(replica, "c", [3000])
    read(replica, "d", [6000])
    assert replica.time.now == 6000
    read(replica, "d", [99_000])
    assert replica.time.now == 10_000


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 50)), max_size=30))
def test_stream_time_does_not_depend_on_the_order_of_rows(rows: list[tuple[str, int]]) -> None:
    time, latest = StreamTime(lambda: 40), dict.fromkeys("abcd", -1)
    for user, reached in rows:
        latest[user] = max(latest[user], reached)
        time.saw(user, [0, reached])
    second = sorted(latest.values())[-2]
    assert time.now == (None if second < 0 else min(second, 40))


def test_answers_rest_on_how_long_ago_it_was_in_the_stream(filled: Filled) -> None:
    """The stream is of 2023: by the wall clock everybody would have been away for years."""
    model, query = filled.replica.model, Query(user_id="u7", exact=True, k=300)
    assert model is not None
    items, ages = filled.past(query)
    assert 0 <= ages[-1] < 86_400

    def u(*ages: Sequence[float]) -> Any:
        return model.users(UserInputs(["u7"], history_items=[items], history_ages=ages))[0]

    long_ago = [age + 3 * 365 * 86400 for age in ages]
    assert np.abs(u(ages) - u(long_ago)).max() > 1e-2
    assert np.abs(u(ages) - u()).max() > 1e-3
    check_exact(filled, query)


def test_a_history_in_the_query_has_no_ages(filled: Filled) -> None:
    stored = Query(user_id="u7", exact=True, k=300)
    told = stored.model_copy(update={"history": filled.world.histories["u7"]})
    by_id = {item.id: item.score for item in check_exact(filled, stored).items}
    by_hand = {item.id: item.score for item in check_exact(filled, told).items}
    assert max(abs(by_id[name] - by_hand[name]) for name in by_id) > 1e-2
    assert brute_force.Past(["a"], [1.0]).told(told).ages == ()
