"""Indexes that are rebuilt: as good as they claim, as stale as they must be, no staler."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.arms import snapshots
from benchmarks.arms.base import Answer, Cost, K, Moment, Questions
from benchmarks.arms.hnsw import Hnsw
from benchmarks.arms.ivf import Ivf
from benchmarks.arms.rebuilt import BRUTE_SHARE, FEWEST, Index, Rebuilt, brute_force, budget, candidates
from benchmarks.arms.registry import HOURLY, build_arms
from benchmarks.arms.snapshots import DAY, HOUR, Snapshot, Snapshots, insertions
from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from benchmarks.seen import Seen
from pipeline.arrays import Floats, Ints
from pipeline.config import Feature
from tests.benchmarks.ann_vectors import tower_vectors
from tests.benchmarks.small_set import CONFIG, small_set

ITEMS, EVENTS = 700, 1500
PERIOD = HOUR
Look = Callable[[Moment, Questions, Mapping[str, Answer]], None]


class Everything:
    """The perfect index."""

    def __init__(self, vectors_nd: Floats) -> None:
        self._vectors = vectors_nd

    def search(self, queries_qd: Floats, k: int) -> tuple[Ints, float]:
        return brute_force(self._vectors, queries_qd, k), float(len(self._vectors))


class Watched(Rebuilt):
    """Calls `look` with every answer, while the moment lasts."""

    look: Look = staticmethod(lambda *_: None)

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        answers = super().answer(moment, questions)
        self.look(moment, questions, answers)
        return answers


class Reference:
    """The same computed plainly: a copy of everything at each rebuild, all items sorted for every question."""

    def __init__(self) -> None:
        self.taken = self.n = -1
        self.sizes: list[int] = []
        self.hits = {"x": 0, "x+buffer": 0}
        self.new_targets = 0

    def __call__(self, moment: Moment, questions: Questions, answers: Mapping[str, Answer]) -> None:
        if self.taken < 0 or moment.now - self.taken >= PERIOD:
            self.taken, self.n = moment.now, moment.n_items
            self.sizes.append(self.n)
            self.model = copy.deepcopy(moment.learner.model)
            self.static = moment.static_n.copy()
        set_, config = moment.set, moment.learner.config
        features = [set_.features_of_item(item) for item in range(moment.n_items)]
        vectors = self.model.items(set_.items[: moment.n_items], features)
        live = vectors.bias_nt[:, 0] + config.gamma * moment.log_share_n
        similar = self.model.users(questions.users)[:, 0] @ vectors.v_nd.T
        taken = (questions.seen.end_q - questions.seen.begin_q).tolist()
        for q, target in enumerate(questions.target_q.tolist()):
            seen = questions.seen[q]
            own, bonus_n = self.own(moment, questions, q)
            similar[q] += bonus_n
            stale = similar[q, : self.n] + self.static
            plain = stale - bonus_n[: self.n]
            found, needed = np.argsort(-plain, kind="stable"), min(FEWEST + taken[q], self.n)
            if needed <= max(BRUTE_SHARE * self.n, budget(self.n)):
                found = found[: max(budget(self.n), needed)]
            found = found[~np.isin(found, seen)][: budget(self.n)]
            found = np.union1d(found, own[own < self.n])
            everything = np.append(found, np.arange(self.n, moment.n_items))
            fresh = np.full(moment.n_items, -np.inf)
            fresh[everything] = (similar[q] + live)[everything]
            fresh[seen] = stale[seen[seen < self.n]] = -np.inf
            self.new_targets += self.n <= target < moment.n_items
            for name, scores in (("x", stale), ("x+buffer", fresh)):
                rank = int(answers[name].rank_q[q])
                assert rank == self._rank(scores, target) or self._nearly_tied(scores, target, rank)
                self.hits[name] += rank >= 0
                if q < len(answers[name].top_sk):
                    top = answers[name].top_sk[q]
                    assert not np.isin(top, seen).any()
                    assert (np.diff(scores[top[top >= 0]]) <= 1e-4).all()

    def own(self, moment: Moment, questions: Questions, q: int) -> tuple[np.ndarray, np.ndarray]:
        """Items likely to be taken again, and what is added to the score of every item."""
        added = np.zeros(moment.n_items)
        if not questions.seen.items_s.size or (questions.seen.begin_q == questions.seen.end_q).all():
            names, bonus_tn = self.model.repeats(questions.users.history_items[q])
            for name, bonus in zip(names, bonus_tn[0].tolist(), strict=True):
                if moment.set.items.index(name) < moment.n_items:
                    added[moment.set.items.index(name)] = bonus
        return np.flatnonzero(added > 0), added

    @staticmethod
    def _rank(scores: np.ndarray, target: int) -> int:
        if target >= len(scores) or scores[target] == -np.inf:
            return -1
        place = int((scores > scores[target]).sum())
        return place if place < K else -1

    @staticmethod
    def _nearly_tied(scores: np.ndarray, target: int, rank: int) -> bool:
        """Two ways of adding up the same sum may order equal scores differently."""
        if target >= len(scores) or scores[target] == -np.inf:
            return False
        places = int((scores > scores[target] + 1e-4).sum()), int((scores > scores[target] - 1e-4).sum())
        return places[0] <= rank <= places[1] if rank >= 0 else places[1] >= K


def watched(
    look: Look, build: Callable[[Floats], Index] = Everything, *, repeats: bool = False
) -> tuple[Watched, Replay]:
    plain = small_set(EVENTS, items=ITEMS, repeats=repeats)
    sizes = np.random.default_rng(0).normal(size=len(plain.items))  # no two items tie
    set_ = replace(
        plain, features=(Feature("size", "item", "numeric"),), item_features=[{"size": size} for size in sizes.tolist()]
    )
    arm = Watched("x", build, Snapshots(PERIOD))
    arm.look = look
    replay = Replay(set_, replace(CONFIG, features=set_.features), {"x": arm})
    replay.run()
    return arm, replay


@pytest.mark.parametrize("repeats", [False, True])
def test_a_perfect_index_answers_as_the_snapshot_would(repeats: bool) -> None:
    reference = Reference()
    arm, replay = watched(reference, repeats=repeats)
    assert reference.hits["x"] > 50
    assert reference.hits["x+buffer"] > 50
    assert arm.cost.rebuilds == len(reference.sizes) > 5
    assert len(reference.sizes) < len(range(CONFIG.batch, EVENTS, CONFIG.batch))
    assert arm.cost.notes["recall@100"] == 1
    assert insertions(replay.set, CONFIG.batch, PERIOD) == sum(reference.sizes)


def test_a_new_item_is_found_in_the_buffer_only() -> None:
    found = {"x": 0, "x+buffer": 0}
    taken = items = -1

    def look(moment: Moment, questions: Questions, answers: Mapping[str, Answer]) -> None:
        nonlocal taken, items
        if taken < 0 or moment.now - taken >= PERIOD:
            taken, items = moment.now, moment.n_items
        new = (questions.target_q >= items) & (questions.target_q < moment.n_items)
        for name, answer in answers.items():
            found[name] += int((answer.rank_q[new] >= 0).sum())
        assert (answers["x"].top_sk < items).all()

    watched(look)
    assert found["x"] == 0
    assert found["x+buffer"] > 5


@pytest.mark.parametrize(("build", "least"), [(Hnsw, 0.98), (Ivf, 0.95)])
@pytest.mark.parametrize("items", [150, 2000, 8000])
@pytest.mark.parametrize("spread", [0.05, 0.3, 2.0])
def test_recall_of_the_first_hundred(build: type[Hnsw | Ivf], least: float, items: int, spread: float) -> None:
    vectors, queries = tower_vectors(items, 100, seed=1, spread=spread)
    vectors[:, -1] -= vectors[:, -1].mean()
    found, scored = build(vectors).search(queries, budget(items))
    exact = brute_force(vectors, queries, K)
    assert np.mean([np.isin(best, rows).mean() for best, rows in zip(exact, found, strict=True)]) >= least
    assert found.shape == (100, budget(items))
    assert 100 < scored < 2 * items


def test_a_graph_finds_its_way_among_random_vectors() -> None:
    """Not true of lists: nothing is near anything there, so they would have to be read nearly all."""
    rng = np.random.default_rng(0)
    vectors, queries = (rng.normal(size=(n, 65)).astype(np.float32) for n in (4000, 100))
    found, _ = Hnsw(vectors).search(queries, budget(4000))
    exact = brute_force(vectors, queries, K)
    assert np.mean([np.isin(best, rows).mean() for best, rows in zip(exact, found, strict=True)]) >= 0.98


@pytest.mark.parametrize("build", [Hnsw, Ivf])
@pytest.mark.parametrize("items", [1, 3, 99])
def test_few_items_are_all_found(build: type[Hnsw | Ivf], items: int) -> None:
    vectors, queries = tower_vectors(items, 5, seed=2, spread=1.0)
    found, _ = build(vectors).search(queries, budget(items))
    assert [sorted(rows) for rows in found.tolist()] == [list(range(items))] * 5


@pytest.mark.parametrize("build", [Hnsw, Ivf])
def test_the_same_vectors_make_the_same_index(build: type[Hnsw | Ivf]) -> None:
    vectors, queries = tower_vectors(1000, 50, seed=3, spread=1.0)
    assert np.array_equal(build(vectors).search(queries, 200)[0], build(vectors).search(queries, 200)[0])


def test_whatever_users_have_seen_enough_is_left_and_nothing_seen() -> None:
    items, rng = 3000, np.random.default_rng(4)
    vectors, queries = tower_vectors(items, 60, seed=4, spread=1.0)
    best = brute_force(vectors, queries, items)
    sizes = rng.choice([0, 3, 150, 400, 2500, 2990], 60)
    sizes[:6] = [0, 3, 150, 400, 2500, 2990]
    parts = [best[q, :size] for q, size in enumerate(sizes.tolist())]  # the hardest case: just what would be found
    ends = np.cumsum(sizes)
    unknown = np.array([items, items + 7], np.int32)
    seen = Seen(np.concatenate((*parts, unknown)), ends - sizes, ends, items)
    seen.end_q[-1] += 2
    for index in (Hnsw(vectors), Ivf(vectors)):
        found, scored = candidates(index, vectors, queries, seen)
        assert scored < 3 * items
        for q in range(60):
            kept = found[q][found[q] >= 0]
            assert len(kept) == len(set(kept.tolist())) >= min(FEWEST, items - sizes[q])
            assert not np.isin(kept, seen[q]).any()
            exact = best[q, sizes[q] : sizes[q] + K]
            assert np.isin(exact, kept).mean() >= 0.75
        assert np.mean([np.isin(best[q, s : s + K], found[q]).mean() for q, s in enumerate(sizes)]) >= 0.95


def test_indexes_share_a_snapshot_and_it_is_no_ones_cost() -> None:
    set_ = small_set(EVENTS, items=ITEMS)
    shared = Snapshots(PERIOD)
    arms = {name: Rebuilt(name, build, shared) for name, build in (("hnsw", Hnsw), ("ivf", Ivf))}
    taken: list[int] = []
    plain = Snapshot.__init__

    def counted(self: Snapshot, moment: Moment) -> None:
        taken.append(moment.start)
        plain(self, moment)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Snapshot, "__init__", counted)
        replay = Replay(set_, replace(CONFIG, features=set_.features), arms)
        replay.run()
    assert len(taken) == len(set(taken)) == arms["hnsw"].cost.rebuilds == arms["ivf"].cost.rebuilds
    assert shared.seconds > 0
    for arm in arms.values():
        assert arm.cost.build_s > 0
        assert arm.cost.query_s > 0
        assert arm.cost.notes["recall@100"] > 0.95
    assert set(replay.tally.summary()) == {"hnsw", "hnsw+buffer", "ivf", "ivf+buffer"}


def test_a_snapshot_does_not_move_with_what_is_learned_later() -> None:
    set_ = small_set(EVENTS, items=ITEMS)
    first: list[tuple[Snapshot, Questions, Floats]] = []

    class Keeper:
        cost = Cost()

        def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
            if not first:
                snapshot = Snapshot(moment)
                assert np.allclose(snapshot.as_of_then(moment, questions).all(0, 5), moment.scorer.all(0, 5), atol=1e-4)
                first.append((snapshot, questions, snapshot.as_of_then(moment, questions).all(0, 5)))
            snapshot, asked, scores = first[0]
            again = replace(moment, start=-2)  # not the cached users
            assert np.array_equal(snapshot.as_of_then(again, asked).all(0, 5), scores)
            return {}

        def learned(self, set_: Interactions, start: int, end: int) -> None: ...

    replay = Replay(set_, replace(CONFIG, features=set_.features), {"keeper": Keeper()})
    replay.run()
    assert first


def test_vectors_of_a_large_catalogue_are_computed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "REFRESHED", 64)
    reference = Reference()
    arm, _ = watched(reference)
    assert arm.cost.rebuilds == len(reference.sizes)


def test_an_index_is_rebuilt_when_it_is_due_and_something_was_learned() -> None:
    seen: list[tuple[int, int]] = []
    shared = Snapshots(DAY)

    class Asks:
        cost = Cost()

        def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
            if not seen:
                first = shared.at(moment)
                assert shared.at(replace(moment, now=moment.now + 5 * DAY)) is first  # nothing was learned since
                assert shared.at(replace(moment, now=moment.now + DAY - 1, start=moment.start + 64)) is first
                assert shared.at(replace(moment, now=moment.now + DAY, start=moment.start + 64)) is not first
                seen.append((moment.now, moment.start))
            return {}

        def learned(self, set_: Interactions, start: int, end: int) -> None: ...

    set_ = small_set(200)
    Replay(set_, replace(CONFIG, features=set_.features), {"asks": Asks()}).run()
    assert seen


def test_the_hourly_index_is_left_out_where_it_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    set_ = small_set(EVENTS, items=ITEMS)
    assert HOURLY in build_arms((), set_, CONFIG.batch)
    monkeypatch.setattr("benchmarks.arms.registry.MOST_INSERTIONS", 1000)
    assert HOURLY not in build_arms((), set_, CONFIG.batch)
    assert HOURLY in build_arms((HOURLY,), set_, CONFIG.batch)


def test_names_of_the_answers() -> None:
    set_ = small_set(300)
    arms = build_arms(("hnsw", HOURLY, "ivf"), set_, CONFIG.batch)
    replay = Replay(set_, replace(CONFIG, features=set_.features), arms)
    replay.run()
    assert list(replay.tally.summary()) == [
        "hnsw", "hnsw+buffer", "ivf", "ivf+buffer", "hnsw@1h", "hnsw+buffer@1h"
    ]  # fmt: skip
