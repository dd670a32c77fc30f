"""An item can be found from just after it was published, by whoever comes later in time, also within a micro-batch."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.arms.hnsw import Hnsw
from benchmarks.arms.rebuilt import Rebuilt
from benchmarks.arms.registry import build_arms
from benchmarks.arms.snapshots import HOUR, Snapshots, insertions
from benchmarks.deadlines import boundaries
from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from benchmarks.seen import Seen
from benchmarks.timeline import Timeline
from tests.benchmarks.small_set import CONFIG

MINUTE = HOUR // 60
SMALL = replace(CONFIG, batch=4)
FIRST = [(user, user, user) for user in range(4)]  # a micro-batch that is not predicted: user, item, minutes


def small(events: Sequence[tuple[int, int, int]], **published: int) -> Interactions:
    """Exposures of (user, item, minutes), all taken; an item is published by the first, or earlier."""
    user_n, item_n, minutes_n = map(np.array, zip(*events, strict=True))
    first = {item: minutes for _, item, minutes in reversed(events)} | {int(k[1:]): at for k, at in published.items()}
    assert sorted(first, key=lambda item: (first[item], item)) == list(range(len(first)))
    return Interactions(
        "tiny", [f"u{n}" for n in range(user_n.max() + 1)], [f"i{n}" for n in range(len(first))],
        user_n.astype(np.int32), item_n.astype(np.int32), minutes_n.astype(np.int64) * MINUTE, CONFIG.tasks,
        np.ones((len(events), 1), np.float32), np.array([first[n] for n in range(len(first))], np.int64) * MINUTE,
    )  # fmt: skip


def found(set_: Interactions, *, candidates: bool = True) -> dict[str, list[bool]]:
    """By arm, which questions it answered; fewer items than are shown, so that whatever is known is found."""
    replay = Replay(set_, SMALL, build_arms((), set_, SMALL.batch), candidates=candidates)
    replay.run()
    return {name: (replay.tally.rank_q(name) >= 0).tolist() for name in replay.tally.summary()}


def test_a_new_item_is_found_within_its_micro_batch_but_not_at_its_own_time() -> None:
    answers = found(small([*FIRST, (4, 4, 10), (5, 4, 10), (6, 4, 11), (7, 4, 12)]))
    assert len(answers) > 15
    stale = {"hnsw", "ivf", "hnsw@1h"}
    for name, hits in answers.items():
        assert hits == [False, False, name not in stale, name not in stale], name


def test_an_item_that_its_file_had_published_before_is_found_by_everybody() -> None:
    assert all(all(hits) for hits in found(small([*FIRST, (4, 4, 10), (5, 4, 10), (6, 4, 11)], i4=9)).values())
    tied = found(small([*FIRST, (4, 4, 10), (5, 4, 11)], i4=10))
    assert tied["exact"] == [False, True]


def test_without_candidates_it_is_found_from_the_next_micro_batch_on() -> None:
    set_ = small([*FIRST, (4, 4, 10), (5, 4, 11), (6, 4, 12), (7, 4, 13), (4, 2, 14), (0, 4, 15)])
    for name, hits in found(set_, candidates=False).items():
        assert hits == [False, False, False, False, True, name not in {"hnsw", "ivf", "hnsw@1h"}], name


def test_an_index_is_rebuilt_within_a_micro_batch() -> None:
    events = [
        (4, 0, 60), (4, 4, 90), (5, 4, 100), (5, 5, 125),  # rebuilt at 60 and at 120, where item 4 is new
        (6, 4, 130), (6, 5, 179), (7, 5, 180), (7, 5, 181),  # and at 180, before the third
    ]  # fmt: skip
    set_ = small([*FIRST, *events])
    arm = Rebuilt("x", Hnsw, Snapshots(HOUR))
    replay = Replay(set_, SMALL, {"x": arm})
    replay.run()
    hits = {name: (replay.tally.rank_q(name) >= 0).tolist() for name in ("x", "x+buffer")}
    assert hits["x"] == [True, False, False, False, True, False, True, False]  # the last one has taken it before
    assert hits["x+buffer"] == [True, False, True, False, True, True, True, False]
    assert (arm.cost.rebuilds, arm.cost.builds) == (3, 2)  # those at 60 and 120 are one batch's
    assert arm.cost.rebuilds_s > arm.cost.build_s > 0
    assert insertions(set_, boundaries(set_.time_n, SMALL.batch), HOUR) == 5 + 6


def test_known_items_are_those_published_strictly_before() -> None:
    set_ = small([*FIRST, (4, 5, 10), (5, 5, 10), (6, 6, 11), (7, 4, 12)], i4=7)
    assert Timeline(set_).known_items(np.arange(8)).tolist() == [0, 1, 2, 3, 5, 5, 6, 7]


@pytest.mark.parametrize("alike", [False, True])
def test_what_is_not_known_yet_joins_what_was_seen(alike: bool) -> None:
    rng = np.random.default_rng(0)
    sizes = np.full(20, 3) if alike else rng.integers(5, size=20)
    ends = np.full(20, 3) if alike else np.cumsum(sizes)
    seen = Seen(rng.integers(12, size=100).astype(np.int32), ends - sizes, ends, 10)
    known = rng.integers(5, 13, size=20)
    joined = seen.joined_unknown(known, 10)
    expected = [sorted(set(one.tolist()) | set(range(at, 10))) for one, at in zip(seen, known.tolist(), strict=True)]
    assert [items.tolist() for items in joined] == expected
    assert joined.below(10).tolist() == list(map(len, expected))
    assert [items.tolist() for items in joined.part(3, 7)] == expected[3:7]
    assert seen.joined_unknown(np.full(20, 10), 10) is seen
