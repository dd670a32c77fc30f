"""Which events belong to an ownership: this generation, in order, each once, from the anchor on."""

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from tables.errors import StalledError
from tables.position import Delivered, Message, Position

SOURCE = TopicPartition("events", 0)


def event(offset: int, generation: int = 1, source: TopicPartition = SOURCE) -> Delivered:
    return Delivered(Message(source.topic, source.partition, offset, generation, 0.0, None, None))


def events(*offsets: int, generation: int = 1) -> list[Delivered]:
    return [event(offset, generation) for offset in offsets]


def offsets(admitted: list[Delivered]) -> list[int]:
    return [event.message.offset for event in admitted]


def anchored(committed: int) -> Position:
    position = Position(SOURCE, committed)
    position.anchor = committed
    return position


def take(position: Position, *arrived: int, now: float = 0.0) -> list[int]:
    return offsets(position.admit(position.fresh(events(*arrived), 1), now))


def test_events_of_another_generation_are_dropped() -> None:
    position = anchored(0)
    assert position.fresh(events(0, 1, generation=2), 1) == []
    assert take(position, 0) == [0]


def test_processed_and_repeated_events_are_dropped_within_a_batch_too() -> None:
    position = anchored(5)
    assert take(position, 3, 4, 5, 6, 5, 6, 7) == [5, 6, 7]
    assert take(position, 7, 8) == [8]
    assert position.next_offset == 9


def test_nothing_is_taken_before_the_anchor() -> None:
    position = Position(SOURCE, 10)
    assert position.needs_anchor
    position.anchor = 12  # 10 and 11 are markers
    assert take(position, 14, 15) == []
    assert take(position, 12, 14) == [12, 14]
    assert not position.needs_anchor
    assert take(position, 15) == [15]


def test_an_anchor_that_never_comes_ends_the_process() -> None:
    position = anchored(3)
    assert take(position, 4, now=100.0) == []
    assert take(position, 5, now=104.9) == []
    with pytest.raises(StalledError, match="record 3 of events-0"):
        take(position, 6, now=105.1)


def test_skipping_markers_moves_an_unused_anchor() -> None:
    position = anchored(3)
    position.skip_to(7)
    assert position.needs_anchor
    position.anchor = 7
    assert take(position, 7) == [7]
    position.skip_to(5)
    assert position.next_offset == 8


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=8))
def test_whatever_arrives_is_taken_in_order_and_once(batches: list[list[int]]) -> None:
    position, taken = anchored(0), list[int]()
    for batch in batches:
        taken += take(position, *batch)
    assert taken == sorted(set(taken))
    assert not taken or taken[0] == 0
