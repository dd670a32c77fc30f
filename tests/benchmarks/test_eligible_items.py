"""Items that a rule leaves out: no arm answers with them, and a target among them is a miss for every arm."""

from collections.abc import Mapping

import numpy as np
import pytest

from benchmarks.arms.base import Answer, Arm, Moment, Questions
from benchmarks.arms.registry import build_arms
from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from benchmarks.seen import Seen
from pipeline.eligibility import Eligibility
from tests.benchmarks.small_set import CONFIG, small_set

RULES = [
    Eligibility(where={"genre": ("1", "2", "3", "4")}),
    Eligibility(max_age_ms=100 * 60_000),
    Eligibility(max_age_ms=200 * 60_000, where={"genre": ("1", "2", "3", "4", "5")}),
]
ARMS = ("exact", "svq", "hnsw", "ivf", "popularity", "item-knn", "gp-topfreq")


class Checked:
    """Another arm, whose answers are looked at."""

    def __init__(self, arm: Arm, rule: Eligibility) -> None:
        self.cost, self._arm, self._rule = arm.cost, arm, rule
        self.hidden = self.found = 0

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        set_, oldest = moment.set, self._rule.oldest(moment.now)
        offered = np.array([
            self._rule.allows(set_.features_of_item(item))
            and (oldest is None or set_.published_m[item] >= oldest)
            for item in range(moment.n_items)
        ])  # fmt: skip
        answers = self._arm.answer(moment, questions)
        known = questions.target_q < moment.n_items
        hidden = known & ~offered[np.where(known, questions.target_q, 0)]
        for answer in answers.values():
            assert (answer.rank_q[hidden] == -1).all()
            assert offered[answer.top_sk[answer.top_sk >= 0]].all()
            self.found += int((answer.rank_q >= 0).sum())
        self.hidden += int(hidden.sum())
        return answers

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        self._arm.learned(set_, start, end)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("repeats", [False, True])
def test_no_arm_answers_with_what_is_left_out(rule: Eligibility, repeats: bool) -> None:
    set_ = small_set(repeats=repeats)
    checked = {name: Checked(arm, rule) for name, arm in build_arms(ARMS, set_, CONFIG.batch).items()}
    replay = Replay(set_, CONFIG, checked, eligible=rule)
    replay.run()
    assert all(arm.hidden and arm.found for arm in checked.values())
    catalogue = replay.learner.catalogue
    assert all(rule.allows(catalogue.get(name)) for name in catalogue.sample(500, np.random.default_rng(0)))


def test_what_is_left_out_joins_what_was_seen() -> None:
    seen = Seen(np.array([4, 1, 1, 9], np.int32), np.array([0, 3, 3]), np.array([3, 4, 3]), n_items=8)
    joined = seen.joined(np.array([2, 7], np.int32))
    assert [items.tolist() for items in joined] == [[1, 2, 4, 7], [2, 7], [2, 7]]
    assert [items.tolist() for items in seen.cleared().joined(np.array([2, 7], np.int32))] == [[2, 7]] * 3
    assert seen.joined(np.zeros(0, np.int32)) is seen
