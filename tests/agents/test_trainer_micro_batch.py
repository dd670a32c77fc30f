"""Batches cover the stream: every element once, in order, and a position that a restart can go on from."""

import doctest
import itertools

from hypothesis import given
from hypothesis import strategies as st

from agents import micro_batch
from agents.micro_batch import Element, MicroBatches, Position

Elements = list[Element[str, str]]


def test_examples() -> None:
    assert doctest.testmod(micro_batch).failed == 0


def record(name: str, flags: list[bool]) -> Elements:
    """One element a flag, refused where false; an empty array is one element that is neither."""
    if not flags:
        return [Element(None, None)]
    return [Element(f"{name}.{i}", None) if good else Element(None, f"{name}.{i}") for i, good in enumerate(flags)]


streams = st.lists(st.tuples(st.integers(0, 2), st.lists(st.booleans(), max_size=9)), max_size=25)


def replay(stream: list[tuple[int, list[bool]]], stop_after: int, size: int) -> list[str]:
    """Learn `stop_after` batches, lose everything but the positions, go on from there: what was seen in all."""
    offsets: dict[int, itertools.count[int]] = {p: itertools.count() for p in range(3)}
    records = [(p, next(offsets[p]), flags) for p, flags in stream]
    reached: dict[int, Position] = {}
    seen: list[str] = []
    for budget in (stop_after, len(stream) * 10):
        batches: MicroBatches[str, str] = MicroBatches(size, deadline=1.0)
        for partition, offset, flags in records:
            begin = reached.get(partition, Position(0))
            if offset < begin.offset:
                continue
            within = begin.within if offset == begin.offset else 0
            elements = record(f"{partition}.{offset}", flags)[within:]
            batches.add(partition, Position(offset, within), elements, now=0.0)
        for _ in range(budget):
            batch = batches.take()
            assert len(batch.exposures) <= size
            seen += batch.exposures + batch.refused
            reached |= batch.reached
    return seen


@given(stream=streams, stop_after=st.integers(0, 12), size=st.integers(1, 7))
def test_a_restart_sees_every_element_once(stream: list[tuple[int, list[bool]]], stop_after: int, size: int) -> None:
    seen = replay(stream, stop_after, size)
    whole = replay(stream, 0, size)
    assert len(seen) == len(set(seen)) == sum(len(flags) for _, flags in stream)
    assert sorted(seen) == sorted(whole)


def test_batches_are_full_until_the_oldest_is_overdue() -> None:
    batches: MicroBatches[str, str] = MicroBatches(4, deadline=0.5)
    batches.add(0, Position(0), record("a", [True] * 6), now=10.0)
    batches.add(1, Position(0), record("b", [True]), now=10.3)
    assert batches.ready(10.0)
    assert batches.take().exposures == ["a.0", "a.1", "a.2", "a.3"]
    assert not batches.ready(10.4)
    assert batches.due_at() == 10.5
    assert batches.take().exposures == ["a.4", "a.5", "b.0"]
    assert batches.due_at() is None


def test_a_lone_refused_record_passes_at_the_deadline() -> None:
    batches: MicroBatches[str, str] = MicroBatches(4, deadline=0.5)
    batches.add(2, Position(5), record("x", [False]), now=0.0)
    assert not batches.ready(0.4)
    assert batches.ready(0.5)
    batch = batches.take()
    assert (batch.exposures, batch.refused, batch.reached) == ([], ["x.0"], {2: Position(6)})


def test_clear_forgets_what_waits() -> None:
    batches: MicroBatches[str, str] = MicroBatches(1, deadline=0.5)
    batches.add(0, Position(0), record("a", [True, True]), now=0.0)
    batches.clear()
    assert len(batches) == 0
    assert not batches.ready(100.0)


def test_a_user_is_erased_behind_what_came_before_and_before_what_comes_behind() -> None:
    batches: MicroBatches[str, str] = MicroBatches(3, deadline=1.0)
    stream: list[Element[str, str]] = [
        Element("a", None), Element(None, None, "u"), Element(None, None, "v"), Element(None, "bad"), Element("b", None)
    ]  # fmt: skip
    for offset, element in enumerate(stream):
        batches.add(0, Position(offset), [element], now=0.0)
    first, second = batches.take(), batches.take()
    assert (first.exposures, first.erased, first.refused) == (["a"], ["u", "v"], ["bad"])
    assert first.reached == {0: Position(4)}
    assert (second.exposures, second.erased) == (["b"], [])
