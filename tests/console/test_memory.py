"""What a server remembers for its console: right, and never more than so much."""

import doctest
from types import ModuleType

import numpy as np
import pytest
from streamvq_client.rows import ClusterRow, ItemIndexRow
from streamvq_client.shares import Shares

from pipeline import projection
from schemas import http_console
from serving.console import answers, delays, learnt, prequential, ring
from serving.console import journal as journal_module
from serving.console.activity import FEWEST, Activity
from serving.console.delays import UP_TO_S, RecentDelays
from serving.console.journal import Journal
from serving.console.timeline import CLOSE, FAR_SPAN_S, Timeline
from serving.items import Items

BEGIN = 1_700_000_000_000


@pytest.mark.parametrize("module", [answers, delays, http_console, learnt, prequential, projection, ring])
def test_examples_in_docstrings(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def filed(cluster: int, time: int = 1, published: int = 0) -> ItemIndexRow:
    return ItemIndexRow([cluster], [0.0], [0.0], 1, 7, time, published)


def test_samples_of_more_than_a_day_in_the_room_of_one() -> None:
    timeline = Timeline(BEGIN)
    for second in range(100_000):
        timeline.add(BEGIN + 1000 * second, {"exposures": float(second)})
    close = timeline.series(900, 0, 1000)
    assert len(close.time) == CLOSE
    assert np.diff(close.time).tolist() == [1000] * (CLOSE - 1)
    assert close.exposures == [(time - BEGIN) / 1000 for time in close.time]
    assert set(close.learnt) == {None}
    far = timeline.series(FAR_SPAN_S, 0, 1000)
    assert far.time[-1] - far.time[0] > 86_000_000
    assert len(far.time) <= 1000
    assert len(set(np.diff(far.time).tolist())) == 1
    assert far.step_s == (far.time[1] - far.time[0]) / 1000
    assert timeline.series(10, 0, 1000).time == close.time[-10:]
    assert timeline.series(900, close.time[-3], 1000).time == close.time[-2:]
    assert Timeline(BEGIN).series(900, 0, 2).time == []


def test_delays_are_forgotten_slice_by_slice() -> None:
    recent = RecentDelays("x")
    for second in range(0, 1200, 5):
        recent.add(np.array([0.001, 0.3, 100.0]), float(second))
    seen = recent.seen(1199.0)
    assert seen.total == sum(seen.counts) == 3 * 60  # five minutes of them
    assert (seen.counts[0], seen.counts[-1]) == (60, 60)
    assert (seen.p50_s, seen.p99_s) == (0.5, UP_TO_S[-1])
    assert recent.seen(5000.0).total == 0


def test_the_journal_tells_moves_from_rows_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "now_ms", lambda: BEGIN)
    journal, items = Journal(), Items()
    items.on_refiled = journal.refiled
    items.put_index("early", filed(1))
    items.settle()
    assert not journal.latest(10)  # what was there before is no news
    journal.begin()
    items.put_index("early", filed(1, time=2))
    items.put_index("new", filed(2, time=BEGIN - 40, published=BEGIN - 500))
    items.settle()
    items.put_index("new", filed(3, time=BEGIN - 40))
    items.settle()
    items.put_index("new", None)
    items.put_index("unknown", None)
    items.settle()
    steps = [(step.item, step.origin, step.to) for step in reversed(journal.latest(10))]
    assert steps == [("new", -2, 2), ("new", 2, 3), ("new", 3, -2)]
    assert (journal.filed, journal.moved) == (1, 1)
    soon = journal.immediacy()
    assert (soon.filed.total, soon.published.total) == (2, 1)  # a row that a scan moved has the time that it had
    assert soon.published.p50_s == 0.5


def test_the_journal_keeps_so_many() -> None:
    journal, items = Journal(), Items()
    items.on_refiled = journal.refiled
    journal.begin()
    for turn in range(25):
        for number in range(1000):
            items.put_index(f"i{number}", filed(turn))
        items.settle()
    assert len(journal) == 20_000
    assert (journal.filed, journal.moved) == (1000, 24_000)
    assert [step.to for step in journal.latest(30, lambda step: step.item == "i7")] == list(range(24, 4, -1))


def test_activity_is_what_was_shown_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [BEGIN]
    monkeypatch.setattr("serving.console.activity.now_ms", lambda: clock[0])
    activity, shares = Activity(), Shares()
    assert activity.rates(3).tolist() == [0.0] * 3
    for step in range(40):  # 200 s; cluster 1 is shown twice a second in the last 100
        clock[0] = BEGIN + 5000 * step
        shares.put(0, 1, ClusterRow(step, max(0, 10 * (step - 19)), 0))
        activity.look(shares, 3)
    assert activity.rates(3).tolist() == [0.0, 2.0, 0.0]
    history = activity.history(1)
    assert history.items == list(range(40))
    assert history.time[-1] == clock[0]
    assert activity.history(3).time == activity.history(-1).time == []
    activity.look(shares, 4)  # another codebook
    assert activity.history(1).items == [39]
    assert activity.rates(3).tolist() == [0.0] * 3


def test_activity_of_many_clusters_has_bounds() -> None:
    activity, shares = Activity(), Shares()
    for _ in range(FEWEST + 10):
        activity.look(shares, 16_384)
    assert len(activity.history(0).time) == 64
    assert activity._counts_sk2.nbytes <= 16 << 20
