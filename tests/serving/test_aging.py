"""Slots wait until they are too old, however often their items are written."""

from serving.aging import Aging


def test_a_slot_written_often_waits_once() -> None:
    aging = Aging()
    for _ in range(1000):
        aging.add([(30, 1), (10, 2)])
    assert len(aging) == 2
    assert aging.before(20) == [2]
    assert len(aging) == 1


def test_a_slot_written_again_after_it_was_too_old_is_told_of_again() -> None:
    aging = Aging()
    for _ in range(3):
        aging.add([(10, 2)])
        assert aging.before(20) == [2]
        assert aging.before(20) == []


def test_a_slot_that_got_another_time_is_told_of_at_both() -> None:
    aging = Aging()
    aging.add([(10, 2)])
    aging.add([(40, 2)])
    assert (aging.before(20), aging.before(50)) == ([2], [2])
