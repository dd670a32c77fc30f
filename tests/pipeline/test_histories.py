"""Histories: strictly before, late arrivals, large baskets, bounded memory."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.histories import Histories, HistoryState
from tests.reference import histories as reference

USERS = ["u", "v", "w"]
EVENTS = st.lists(st.tuples(st.sampled_from(USERS), st.integers(0, 3)), max_size=30)


@given(EVENTS, st.integers(1, 5))
@settings(deadline=None)
def test_in_order_the_latest_positives_before_each_event(events: list[tuple[str, int]], length: int) -> None:
    histories, expected, now = Histories(length), reference.Histories(), 0
    for number, (user, pause) in enumerate(events):
        now += pause
        state = histories.as_of(user, now)
        assert list(zip(state.items, state.times, strict=True)) == expected.as_of(user, now, length)
        histories.append(user, str(number), now)
        expected.append(user, str(number), now)


@given(st.lists(st.tuples(st.sampled_from(USERS), st.integers(0, 4), st.booleans()), max_size=30), st.integers(1, 5))
@settings(deadline=None)
def test_a_batch_is_followed_as_its_exposures_one_by_one(events: list[tuple[str, int, bool]], length: int) -> None:
    """In any order: a late positive counts for whoever comes behind it in the batch and after it in time."""
    batch, single = Histories(length), Histories(length)
    users, times, positive = (list(column) for column in zip(*events, strict=True)) if events else ([], [], [])
    items = [str(number) for number in range(len(events))]
    before = batch.follow(users, items, times, positive)
    for row, (user, time, liked) in enumerate(events):
        state = single.as_of(user, time)
        assert before.items[row] == state.items
        assert list(before.ages[row]) == ([(time - state.times[-1]) / 1000] if state.times else [])
        if liked:
            single.append(user, items[row], time)


def test_the_history_of_a_moment_is_the_same_during_and_after_a_large_basket() -> None:
    histories = Histories(3)
    for number in range(4):
        histories.append("u", f"old{number}", number)
    for number in range(100):
        assert histories.as_of("u", 10).items == ("old1", "old2", "old3")
        histories.append("u", f"new{number}", 10)
    assert histories.as_of("u", 11).items == ("new97", "new98", "new99")
    assert len(histories.take_dirty()["u"].items) == 6


def test_a_late_event_takes_its_place_in_time() -> None:
    histories = Histories(10)
    for item, time in [("a", 1), ("c", 3), ("b", 2)]:
        histories.append("u", item, time)
    assert histories.as_of("u", 9) == HistoryState(("a", "b", "c"), (1, 2, 3))
    assert histories.as_of("u", 3).items == ("a", "b")


def test_memory_is_bounded_and_users_come_back() -> None:
    stored: dict[str, HistoryState] = {}
    histories = Histories(5, users=10, load=stored.get)
    for number in range(100):
        histories.append(f"u{number}", "a", number)
    assert len(histories) == 100  # nothing that is not stored yet is dropped
    stored.update(histories.take_dirty())
    assert len(histories) == 10
    assert histories.take_dirty() == {}
    assert histories.as_of("u3", 1000).items == ("a",)
    histories.append("u3", "b", 2000)
    assert histories.take_dirty() == {"u3": HistoryState(("a", "b"), (3, 2000))}
    assert len(histories) == 10


def test_the_least_recently_used_go_first() -> None:
    histories = Histories(5, users=2)
    for user in ("a", "b"):
        histories.put(user, HistoryState((user,), (1,)))
    histories.as_of("a", 5)
    histories.put("c", HistoryState(("c",), (1,)))
    assert histories.as_of("b", 5).items == ()
    assert histories.as_of("a", 5).items == ("a",)


def test_a_user_nobody_knows() -> None:
    assert Histories(5, load=lambda _: None).as_of("u", 1).items == ()
