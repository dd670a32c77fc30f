"""Which items follow the towers, and when."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.replay import Replay
from tests.benchmarks.small_set import CONFIG, small_set

pytestmark = pytest.mark.usefixtures("one_thread")
DEADLINE_S = 4 * 60  # some ten exposures a micro-batch


def current(replay: Replay) -> np.ndarray:
    """Whether the vector of each item known is that of the present towers, (N,)."""
    set_ = replay.set
    names = set_.items[: replay.items.n]
    now = replay.learner.model.items(names, [set_.features_of_item(item) for item in range(len(names))])
    return np.isclose(replay.items.vectors.v_nd, now.v_nd, atol=1e-6).all(axis=1)


def test_none_is_further_behind_than_full_micro_batches_leave_it() -> None:
    set_ = small_set(1500, items=200)
    replay = Replay(set_, replace(CONFIG, features=set_.features), {}, deadline_s=DEADLINE_S)
    followed_at, behind, complete = np.zeros(len(set_.items), np.int64), [], []
    look = replay._moment

    def moment_of(*args: object) -> object:
        moment = look(*args)  # type: ignore[arg-type]
        is_current = current(replay)
        followed_at[: replay.items.n][is_current] = moment.start
        behind.append(int((moment.start - followed_at[: replay.items.n]).max()))
        assert is_current[set_.item_n[moment.start - 1]]  # it was just exposed
        complete.append(bool(is_current.all()))
        return moment

    replay._moment = moment_of  # type: ignore[assignment, method-assign]
    replay.run()
    longest = int(np.diff(replay.boundaries).max())
    assert len(replay.boundaries) > 4 * len(set_) / CONFIG.batch
    assert np.mean(complete) < 0.1  # a short step does not encode everything
    assert CONFIG.batch / 2 < max(behind) <= CONFIG.batch + 2 * longest


def test_all_items_are_filed_as_soon_as_there_are_codes() -> None:
    set_ = small_set(1500, items=200)
    replay = Replay(set_, replace(CONFIG, features=set_.features), {}, deadline_s=DEADLINE_S)
    refresh, filed = replay._refresh, []

    def refreshed(start: int) -> None:
        refresh(start)
        filed.append(float((replay.items.clusters_n >= 0).mean()) if replay.items.n else 0.0)

    replay._refresh = refreshed  # type: ignore[method-assign]
    replay.run()
    assert set(filed) == {0.0, 1.0}
    assert filed == sorted(filed)
