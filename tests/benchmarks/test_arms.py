"""Every arm against the slow and obvious way: sort everything, count, look."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.arms.base import Answer, Arm, Cost, K, Moment, Questions
from benchmarks.arms.followers import Followers
from benchmarks.arms.item_knn import HALF_LIFE
from benchmarks.arms.popularity import HALF_LIVES
from benchmarks.arms.registry import build_arms
from benchmarks.arms.svq import SHARES, budget
from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from pipeline.arrays import Doubles, Ints
from pipeline.merge import chunk_for, merge
from pipeline.postings import Postings
from pipeline.repeats import repeats_of
from schemas.errors import SettingsError
from tests.benchmarks.small_set import CONFIG, small_set

Judge = Callable[[Moment, Questions, Mapping[str, Answer]], None]
ITEMS = 700  # more than the 200 that are always scored


class Judged:
    """An arm whose answers are looked at when it gives them: a moment does not last."""

    def __init__(self, arm: Arm, judge: Judge) -> None:
        self.cost, self._arm, self._judge = Cost(), arm, judge

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        answers = self._arm.answer(moment, questions)
        self._judge(moment, questions, answers)
        return answers

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        self._arm.learned(set_, start, end)


def judge(name: str, look: Judge, *, repeats: bool = False, events: int = 1500, deadline_s: float = 0.0) -> Replay:
    """Replay a small set with one arm and look at each of its answers."""
    set_ = small_set(events, items=ITEMS, repeats=repeats)
    config = replace(CONFIG, features=set_.features)
    replay = Replay(set_, config, {name: Judged(build_arms((name,), set_)[name], look)}, deadline_s=deadline_s)
    replay.run()
    return replay


def best_first(scores_n: Doubles, questions: Questions, q: int) -> list[int]:
    """All items by falling score, lower numbers first among equals, without the seen ones."""
    order = sorted(range(len(scores_n)), key=lambda item: (-scores_n[item], item))
    seen = set(questions.seen[q].tolist())
    return [item for item in order if item not in seen]


def own_bonus(moment: Moment, questions: Questions, q: int) -> dict[int, float]:
    """Known items of the user's history, the latest first, with what is added to their scores; none while masked."""
    if not len(questions.repeated.rows_r):
        return {}
    bonus = moment.learner.model.bonus_tb[0]
    known = repeats_of(questions.users.history_items[q], CONFIG.history)
    return {int(name[1:]): float(bonus[bucket]) for name, bucket in known.items() if int(name[1:]) < moment.n_items}


def rank_in(order: list[int], target: int) -> int:
    place = order.index(target) if target in order else K
    return place if place < K else -1


def filled(rows: list[int]) -> list[int]:
    return (rows + [-1] * K)[:K]


@pytest.mark.parametrize("repeats", [False, True])
def test_exact_is_the_sorted_scores(repeats: bool) -> None:
    hits = own = 0

    def look(moment: Moment, questions: Questions, answers: Mapping[str, Answer]) -> None:
        nonlocal hits, own
        scores_qn = moment.u_qd @ moment.vectors.v_nd.T + moment.static_n
        for q in range(len(questions)):
            for item, bonus in own_bonus(moment, questions, q).items():
                scores_qn[q, item] += bonus
                own += bonus != 0
        own_qn = moment.scorer.all(0, len(questions))
        assert np.allclose(own_qn, scores_qn, atol=1e-4)
        answer = answers["exact"]
        for q in range(len(questions)):
            order = best_first(own_qn[q], questions, q)
            assert answer.rank_q[q] == rank_in(order, int(questions.target_q[q]))
            hits += answer.rank_q[q] >= 0
            if q < len(answer.top_sk):
                assert answer.top_sk[q].tolist() == filled(order)
        assert len(answer.top_sk) == min(8, len(questions))

    judge("exact", look, repeats=repeats)
    assert hits > 100
    assert (own > 100) == repeats


def merged_by_core(postings: Postings, moment: Moment, questions: Questions, q: int, n_out: int) -> list[int]:
    coarse = moment.learner.model.coarse(moment.u_qd[q : q + 1])[0]
    scores = np.concatenate(([coarse.max() if len(coarse) else 0.0], coarse))
    mask = np.ones(moment.n_items, np.uint8)
    mask[questions.seen[q]] = 0
    return merge(postings, scores, 0, n_out, chunk_for(n_out), mask).rows_n.tolist()


def fresh_postings(moment: Moment) -> Postings:
    """The lists as of now, made from nothing."""
    postings = Postings(moment.learner.model.codebook.n_codes, 1)
    keys = moment.vectors.bias_nt[:, :1] + moment.learner.config.gamma * moment.log_counts_n[:, None]
    postings.update(np.arange(moment.n_items), moment.clusters_n, keys)
    return postings


@pytest.mark.parametrize(("repeats", "deadline_s"), [(False, 0), (True, 0), (False, 4 * 60)])
def test_streaming_vq_scores_the_prefix_of_one_merge(repeats: bool, deadline_s: float) -> None:
    worse = put_first = 0

    def look(moment: Moment, questions: Questions, answers: Mapping[str, Answer]) -> None:
        nonlocal worse, put_first
        postings = fresh_postings(moment)
        own_qn = moment.scorer.all(0, len(questions))
        for q in range(len(questions)):
            target, hidden = int(questions.target_q[q]), set(questions.seen[q].tolist())
            for name, share in SHARES.items():
                size = budget(share, moment.n_items)
                rows = merged_by_core(postings, moment, questions, q, size)
                assert not hidden & set(rows)
                own = [item for item, bonus in own_bonus(moment, questions, q).items() if bonus > 0]
                put_first += bool(own)
                rows = [*own, *(row for row in rows if row not in own)][:size]
                order = sorted(rows, key=lambda item: (-own_qn[q, item], item))
                close = {row for row in rows if target in rows and abs(own_qn[q, row] - own_qn[q, target]) < 1e-4}
                if len(close) <= 1:  # sums in another order may swap what is nearly equal
                    assert answers[f"svq@{name}"].rank_q[q] == rank_in(order, target)
            whole = merged_by_core(postings, moment, questions, q, budget(0.1, moment.n_items))
            assert answers["svq-merge@10%"].rank_q[q] == rank_in(whole, target)
            worse += answers["svq-merge@10%"].rank_q[q] != answers["svq"].rank_q[q]
        assert answers["svq"].rank_q.tolist() == answers["svq@10%"].rank_q.tolist()
        codes = moment.learner.model.codebook.n_codes
        assert answers["svq"].scored == codes + min(max(200, round(0.1 * moment.n_items)), moment.n_items)
        assert answers["svq-merge@10%"].scored == codes

    replay = judge("svq", look, repeats=repeats, events=1000, deadline_s=deadline_s)
    assert replay.learner.model.codebook.n_codes == 8
    assert worse > 100
    assert (put_first > 100) == repeats


def test_streaming_vq_finds_what_exact_search_finds_when_it_scores_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.arms.svq.FEWEST", 10**6)
    set_ = small_set(1000)
    arms = build_arms(("exact", "svq"), set_)
    replay = Replay(set_, replace(CONFIG, features=set_.features), arms)
    replay.run()
    exact, svq = replay.tally.rank_q("exact"), replay.tally.rank_q("svq@0.5%")
    # Items without a row of their own and with the same features score the same but for the order of the sums.
    assert (exact == svq).mean() > 0.97
    assert ((exact >= 0) == (svq >= 0)).mean() > 0.995


@pytest.mark.parametrize("repeats", [False, True])
def test_popularity_is_the_decayed_count(repeats: bool) -> None:
    set_ = small_set(1500, items=ITEMS, repeats=repeats)
    rows = [row for row in range(len(set_)) if set_.labels_nt[row, 0] > 0]

    def look(moment: Moment, questions: Questions, answers: Mapping[str, Answer]) -> None:
        assert list(answers) == [f"popularity@{half_life}" for half_life in HALF_LIVES]
        half_life = HALF_LIVES[0]
        counts = np.zeros(moment.n_items)
        for start in range(0, moment.start, CONFIG.batch):
            taken = [set_.item_n[row] for row in rows if start <= row < start + CONFIG.batch]
            counts *= 0.5 ** (len(taken) / half_life)
            np.add.at(counts, taken, 1)
        answer = answers[f"popularity@{half_life}"]
        for q in range(len(questions)):
            order = best_first(counts, questions, q)
            assert answer.rank_q[q] == rank_in(order, int(questions.target_q[q]))
            if q < len(answer.top_sk):
                assert answer.top_sk[q].tolist() == filled(order)

    judge("popularity", look, repeats=repeats)


@pytest.mark.parametrize("repeats", [False, True])
def test_item_knn_counts_what_came_after_the_last_item(repeats: bool) -> None:
    set_ = small_set(1500, items=ITEMS, repeats=repeats)
    followed: dict[int, Counter[int]] = defaultdict(Counter)
    popular = np.zeros(ITEMS)
    learned = 0
    filled_up = 0

    def catch_up(start: int) -> None:
        nonlocal learned
        for begin in range(learned, start, CONFIG.batch):
            batch = [row for row in range(begin, begin + CONFIG.batch) if set_.labels_nt[row, 0] > 0]
            popular[:] *= 0.5 ** (len(batch) / HALF_LIFE)
            for row in batch:
                item = int(set_.item_n[row])
                popular[item] += 1
                last = last_item(row)
                if last is not None:
                    followed[last][item] += 1
        learned = start

    def last_item(row: int) -> int | None:
        past = [
            other
            for other in range(row)
            if set_.user_n[other] == set_.user_n[row]
            and set_.time_n[other] < set_.time_n[row]
            and set_.labels_nt[other, 0] > 0
        ]
        return int(set_.item_n[past[-1]]) if past else None

    def look(moment: Moment, questions: Questions, answers: Mapping[str, Answer]) -> None:
        nonlocal filled_up
        catch_up(moment.start)
        answer = answers["item-knn"]
        place = {item: at for at, item in enumerate(np.argsort(-popular[: moment.n_items], kind="stable").tolist())}
        for q in range(len(questions)):
            counts = followed[int(questions.last_q[q])]
            order = sorted(range(moment.n_items), key=lambda item: (-counts[item], place[item]))
            hidden = set(questions.seen[q].tolist())
            order = [item for item in order if item not in hidden]
            assert answer.rank_q[q] == rank_in(order, int(questions.target_q[q]))
            filled_up += answer.rank_q[q] >= 0 and not counts[int(questions.target_q[q])]
            if q < len(answer.top_sk):
                assert answer.top_sk[q].tolist() == filled(order)

    judge("item-knn", look, repeats=repeats)
    assert filled_up > 50


def test_a_full_list_of_followers_keeps_the_frequent_ones() -> None:
    followers = Followers(items=1000, widest=10)
    rng = np.random.default_rng(0)
    items: Ints = np.concatenate((np.repeat(np.arange(5), 200), np.arange(10, 900))).astype(np.int32)
    followers.add(np.full(len(items), 7, np.int32), rng.permutation(items))
    kept, counts = followers.of(7)
    assert set(range(5)) < set(kept.tolist())
    assert len(kept) == 10
    assert counts.sum() == len(items)


def test_an_unknown_arm_is_named() -> None:
    with pytest.raises(SettingsError, match=r"there is no arm annoy\nChoose from exact, svq"):
        build_arms(("exact", "annoy"), small_set())
