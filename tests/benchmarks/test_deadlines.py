"""Where micro-batches end by the clock of the events, and what a replay makes of short ones."""

import numpy as np
import pytest

from benchmarks.arms.registry import build_arms
from benchmarks.deadlines import boundaries, deadline_for
from benchmarks.plan import Plan
from benchmarks.replay import Replay
from schemas.errors import SettingsError
from tests.benchmarks.small_set import CONFIG, small_set

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_micro_batch_ends_when_it_is_full_or_its_first_exposure_has_waited() -> None:
    time_n = np.array([0, 5, 10, 11, 12, 13, 40, 41], np.int64) * 1000
    assert boundaries(time_n, 3, 10).tolist() == [0, 3, 6, 8]
    assert boundaries(time_n, 4, 5).tolist() == [0, 2, 6, 8]
    assert boundaries(time_n, 3, 0).tolist() == [0, 3, 6, 8]
    assert boundaries(time_n, 5).tolist() == [0, 5, 8]
    assert boundaries(time_n, 8, 0.5).tolist() == list(range(9))
    assert boundaries(time_n[:0], 8, 5).tolist() == [0]


@pytest.mark.parametrize(
    ("minutes", "expected"), [(0.5, 60), (3, 600), (15, 3600), (90, 6 * 3600), (540, 24 * 3600), (1_500, 0)]
)
def test_the_shortest_deadline_that_makes_no_more_than_eight_thousand_micro_batches(
    minutes: float, expected: float
) -> None:
    time_n = (np.arange(20_000) * minutes * 60_000).astype(np.int64)
    assert deadline_for(time_n, 1_024) == expected
    if expected:
        assert len(boundaries(time_n, 1_024, expected)) - 1 <= 8_000


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_a_deadline_is_a_time(seconds: float) -> None:
    with pytest.raises(SettingsError, match="expected seconds"):
        Plan(deadline_s=seconds)


def test_short_micro_batches_ask_as_many_questions_and_learn_of_every_exposure() -> None:
    set_ = small_set(900, items=60)
    replays = [Replay(set_, CONFIG, build_arms(("popularity",), set_), deadline_s=at) for at in (0, 3 * 60)]
    for replay in replays:
        replay.run()
    full, short = replays
    assert len(short.boundaries) > 3 * len(full.boundaries)
    assert short.learner.clock == full.learner.clock == len(set_)
    assert len(short.tally) >= len(full.tally)  # the first micro-batch, which is not asked, is shorter


def test_a_sample_is_a_share_of_each_micro_batch() -> None:
    set_ = small_set(900, items=60)
    counts = []
    for deadline_s in (0, 3 * 60):
        replay = Replay(
            set_, CONFIG, build_arms(("popularity",), set_), sample=CONFIG.batch // 4, deadline_s=deadline_s
        )
        replay.run()
        counts.append(len(replay.tally))
    assert counts[1] == pytest.approx(counts[0], rel=0.15)
