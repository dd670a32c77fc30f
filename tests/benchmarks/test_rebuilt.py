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
from pipeline.model import Model
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


class Grid:
    """When rebuilds are due, and what they know, found by looking at every one."""

    def __init__(self) -> None:
        self.origin = self.last = -1
        self.sizes: list[int] = []

    def follow(self, moment: Moment) -> bool:
        """Whether a rebuild is due before the end of the batch."""
        if self.origin < 0:
            self.origin = moment.now
        first = len(self.sizes)
        while self.origin + (self.last + 1) * PERIOD <= moment.until:
            self.last += 1
            published = int((moment.set.published_m < self.origin + self.last * PERIOD).sum())
            if len(self.sizes) == first or published > self.sizes[-1]:
                self.sizes.append(published)
        return len(self.sizes) > first

    def number(self, moment: Moment, event: int) -> int:
        """Of the latest rebuild before an event."""
        return int((moment.set.time_n[event] - self.origin) // PERIOD)

    def known(self, moment: Moment, event: int) -> int:
        """Items published before it."""
        return int((moment.set.published_m < self.origin + self.number(moment, event) * PERIOD).sum())


class Reference:
    """The same computed plainly: a copy of everything at each rebuild, all items sorted for every question."""

    def __init__(self) -> None:
        self.grid = Grid()
        self.taken: list[tuple[int, int, Model, Floats]] = []  # first rebuild, items of the last one, towers, static
        self.hits = {"x": 0, "x+buffer": 0}
        self.new_targets = self.split = 0

    def __call__(self, moment: Moment, questions: Questions, answers: Mapping[str, Answer]) -> None:
        first = self.grid.last + 1
        if self.grid.follow(moment):
            model = copy.deepcopy(moment.learner.model)
            self.taken.append((first, self.grid.sizes[-1], model, moment.static_n.copy()))
        used = set()
        for q, (event, target) in enumerate(zip(questions.event_q.tolist(), questions.target_q.tolist(), strict=True)):
            number, n = self.grid.number(moment, event), self.grid.known(moment, event)
            _, held, model, static = next(each for each in reversed(self.taken) if each[0] <= number)
            used.add(id(model))
            features = [moment.set.features_of_item(item) for item in range(moment.n_items)]
            vectors = model.items(moment.set.items[: moment.n_items], features)
            live = vectors.bias_nt[:, 0] + model.config.gamma * moment.log_share_n
            plain = model.users(questions.part(q, q + 1).users)[0, 0] @ vectors.v_nd.T
            seen, own, bonus_n = questions.seen[q], *self.own(model, moment, questions, q)
            hidden = np.union1d(seen, np.arange(n, held))
            similar = plain + bonus_n
            stale = similar[:n] + static[:n]
            found = np.argsort(-(plain[:held] + static[:held]), kind="stable")
            needed = min(FEWEST + int((hidden < held).sum()), held)
            if needed <= max(BRUTE_SHARE * held, budget(held)):
                found = found[: max(budget(held), needed)]
                found = found[~np.isin(found, hidden)]
            else:
                found = found[~np.isin(found, hidden)][: budget(held)]
            everything = np.concatenate((found, own[own < n], np.arange(n, questions.known_q[q]))).astype(np.int64)
            fresh = np.full(moment.n_items, -np.inf)
            fresh[everything] = (similar + live)[everything]
            fresh[seen] = stale[seen[seen < n]] = -np.inf
            self.new_targets += n <= target < questions.known_q[q]
            for name, scores in (("x", stale), ("x+buffer", fresh)):
                rank = int(answers[name].rank_q[q])
                assert rank == self._rank(scores, target) or self._nearly_tied(scores, target, rank)
                self.hits[name] += rank >= 0
                if q < len(answers[name].top_sk):
                    top = answers[name].top_sk[q]
                    assert not np.isin(top, seen).any()
                    assert (np.diff(scores[top[top >= 0]]) <= 1e-4).all()
        self.split += len(used) > 1

    def own(self, model: Model, moment: Moment, questions: Questions, q: int) -> tuple[np.ndarray, np.ndarray]:
        """Items likely to be taken again, and what is added to the score of every item."""
        added = np.zeros(moment.n_items)
        if len(questions.repeated.rows_r):
            names, bonus_tn = model.repeats(questions.users.history_items[q])
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
    assert reference.split > 5
    assert reference.new_targets > 5
    assert arm.cost.rebuilds == len(reference.grid.sizes) > 5
    assert arm.cost.notes["recall@100"] == 1
    assert arm.cost.builds == len(reference.taken)
    assert insertions(replay.set, replay.boundaries, PERIOD) == sum(items for _, items, *_ in reference.taken)


def test_a_new_item_is_found_in_the_buffer_only() -> None:
    found, grid = {"x": 0, "x+buffer": 0}, Grid()

    def look(moment: Moment, questions: Questions, answers: Mapping[str, Answer]) -> None:
        grid.follow(moment)
        items = np.array([grid.known(moment, event) for event in questions.event_q.tolist()])
        new = (questions.target_q >= items) & (questions.target_q < questions.known_q)
        for name, answer in answers.items():
            found[name] += int((answer.rank_q[new] >= 0).sum())
        assert (answers["x"].top_sk < items[:8, None]).all()

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

    def counted(self: Snapshot, moment: Moment, n_items: int) -> None:
        taken.append(moment.start)
        plain(self, moment, n_items)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Snapshot, "__init__", counted)
        replay = Replay(set_, replace(CONFIG, features=set_.features), arms)
        replay.run()
    assert 5 < len(taken) == len(set(taken)) <= arms["hnsw"].cost.rebuilds == arms["ivf"].cost.rebuilds
    assert shared.seconds > 0
    for arm in arms.values():
        assert 0 < arm.cost.build_s <= arm.cost.rebuilds_s
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
                snapshot = Snapshot(moment, moment.n_items)
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
    assert arm.cost.rebuilds == len(reference.grid.sizes)


def test_an_index_is_rebuilt_when_it_is_due_and_something_was_learned() -> None:
    seen: list[tuple[int, int]] = []
    shared = Snapshots(DAY)

    class Asks:
        cost = Cost()

        def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
            def at(until: int, start: int) -> Snapshot:
                list(shared.parts(replace(moment, until=moment.now + until, start=start), questions))
                return shared.latest

            if not seen:
                first = at(0, 64)
                assert at(5 * DAY, 64) is first  # nothing was learned since
                assert at(DAY - 1, 128) is first
                assert at(DAY, 192) is not first
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
