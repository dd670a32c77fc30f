"""What a model has learnt from is never taken for something that it foresaw."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.commit import Commit
from serving.console.learnt import Learnt

steps = st.tuples(st.integers(10, 400), st.integers(0, 300), st.floats(0, 1))
"""Pause before a transaction, how long it takes, and where in it the commit comes; ms."""


@given(history=st.lists(steps, min_size=2, max_size=12), data=st.data())
def test_only_later_transactions_count(history: list[tuple[int, int, float]], data: st.DataObject) -> None:
    learnt, spans, now, before = Learnt(), [], 1_000_000, 0
    for number, (pause, taken, where) in enumerate(history):
        begin = now + pause
        now = begin + taken
        commit = Commit(version=number, clock=0, offsets={}, config_hash="", time_ms=begin, publish_ms=float(before))
        learnt.closed(commit, begin + int(where * taken))
        spans.append((begin, now))
        before = taken
    version = data.draw(st.integers(0, len(spans) - 1), label="version in force")
    number = data.draw(st.integers(0, len(spans) - 1), label="version of the row")
    at = data.draw(st.integers(*spans[number]), label="when Kafka took the row")
    verdict = learnt.precedes(version, at)
    if version == len(spans) - 1:
        assert verdict is None
    elif verdict:
        assert number > version
    if number > version + 1:
        assert verdict


def test_a_version_that_was_read_elsewhere() -> None:
    learnt = Learnt()
    learnt.closed(Commit(version=9, clock=0, offsets={}, config_hash="", time_ms=0, publish_ms=5.0), 1000)
    assert learnt.precedes(8, 1000)
    assert not learnt.precedes(8, 999)
    assert learnt.precedes(9, 5000) is None
