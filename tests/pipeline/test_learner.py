"""The learner: one cut of state, the same future after a restore, and what it refuses."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from pipeline.batch import Batch
from pipeline.changes import Changes
from pipeline.config import ModelConfig
from pipeline.errors import BatchError, RestoreError
from pipeline.filing import Filing
from pipeline.learner import Learner
from pipeline.model import Model
from tests.pipeline.streams import Exposures, config, item_features
from tests.reference import model as model_reference
from tests.reference import softmax as softmax_reference

ITEMS = [f"i{number}" for number in range(120)]
pytestmark = pytest.mark.usefixtures("one_thread")


def _learner(settings: ModelConfig, **arguments: Any) -> Learner:
    learner = Learner(settings, **arguments)
    for number in range(120):
        learner.catalogue.put(f"i{number}", item_features(number))
    return learner


def _part(batch: Batch, start: int, end: int) -> Batch:
    return Batch(**{part.name: getattr(batch, part.name)[start:end] for part in fields(batch)})


def _by_id(rows: dict[str, tuple[list[str], Any]]) -> dict[str, dict[str, bytes]]:
    return {
        table: {name: value.tobytes() for name, value in zip(ids, values, strict=True)}
        for table, (ids, values) in rows.items()
    }


def _same(one: Changes, other: Changes) -> None:
    """Equal to the bit, whatever the order of rows."""
    assert _by_id(one.rows) == _by_id(other.rows)
    assert {t: set(ids) for t, ids in one.removed.items()} == {t: set(ids) for t, ids in other.removed.items()}
    assert {n: value.tobytes() for n, value in one.dense.items()} == {n: v.tobytes() for n, v in other.dense.items()}


SETTINGS = [
    config(),
    config(ranker="two_tower", sim_weight=0.1, tasks=(config().tasks[1],)),
    config(ranker="attention", rank_history=4, rank_negatives=3, history_debias=True),
    config(expire_after=64 * 5, features=(), codes="auto", start_steps=2, start_exposures=1),
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("stop", [2, 9])
def test_a_restored_learner_goes_on_as_if_it_had_never_stopped(
    settings: ModelConfig, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.learner.EXPIRE_EVERY", 4)
    batches = list(Exposures(1).batches(settings, 14))
    batches[stop - 1] = _part(batches[stop - 1], 0, 5)  # as a deadline may close one
    first, published = _learner(settings), (Changes(), Changes())
    for batch in batches[:stop]:
        first.step(batch)
        first.place(ITEMS)
        taken = first.take_changes()
        published = published[0].merge(taken[0]), published[1].merge(taken[1])
    second = _learner(settings)
    second.restore(*published)
    assert second.take_changes() == (Changes(), Changes())
    assert (second.clock, second.steps) == (first.clock, first.steps)
    for batch in batches[stop:]:
        assert first.step(batch) == second.step(batch)
    one, other = first.place(ITEMS), second.place(ITEMS)
    assert np.array_equal(one.clusters_n, other.clusters_n)
    assert np.array_equal(one.bias_nt, other.bias_nt)
    assert np.array_equal(one.popularity_nh, other.popularity_nh)
    assert first.reseed([1, 2]) == second.reseed([1, 2])
    for mine, its in zip(first.take_changes(), second.take_changes(), strict=True):
        _same(mine, its)


def test_when_changes_are_taken_does_not_matter() -> None:
    settings, merged = config(), (Changes(), Changes())
    often, once = _learner(settings), _learner(settings)
    for one, other in zip(*(Exposures(2).batches(settings, 10) for _ in range(2)), strict=True):
        often.step(one)
        once.step(other)
        taken = often.take_changes()
        merged = merged[0].merge(taken[0]), merged[1].merge(taken[1])
    for mine, its in zip(merged, once.take_changes(), strict=True):
        _same(mine, its)


def test_another_seed_learns_something_else() -> None:
    batches = list(Exposures(3).batches(config(), 3))
    reports = []
    for seed in (0, 0, 1):
        learner = _learner(config(), seed=seed)
        reports.append([learner.step(batch).loss_aux for batch in batches])
    assert reports[0] == reports[1] != reports[2]


def test_short_batches_count_as_what_they_are() -> None:
    settings = config()
    learner = _learner(settings)
    for number, batch in enumerate(Exposures(4).batches(settings, 6)):
        learner.step(batch)
        if number == 5:
            averages = learner._filing.averages
            before = averages.counts_k.sum()
            short = Batch(batch.user_ids[:16], batch.item_ids[:16], batch.labels_bt[:16])
            decay = settings.alpha_for(8) ** (16 / 64)
            learner.step(short)
            added = (averages.counts_k.sum() - decay * before) / (1 - decay)
            rewards = short.rewards(settings)
            assert (1 + rewards).prod(axis=1).sum() <= added  # δ is at least one batch
    assert learner.clock == 6 * 64 + 16


def test_the_codebook_starts_once_enough_items_were_seen() -> None:
    settings = config(start_steps=3, start_exposures=2, start_latest=6)
    learner = _learner(settings)
    started = [learner.step(batch).started for batch in Exposures(5).batches(settings, 8)]
    assert started == [False, False, True] + [False] * 5
    assert learner.model.codebook.n_codes == 8
    assert learner.place(ITEMS).clusters_n.min() >= 0


@pytest.mark.parametrize(
    ("events", "exposed", "items", "due"),
    [
        (640, 40, 1_000, True),
        (639, 40, 1_000, False),  # too few steps
        (640, 39, 1_000, False),  # fewer than 5 items a code
        (640, 30, 60, True),  # but half of all there are
        (640, 29, 60, False),
        (640, 320, 1_000, True),
        (640, 321, 1_000, False),  # hardly any item has come twice: there will be more of them
        (3199, 1_600, 4_000, False),
        (3200, 1_600, 4_000, True),  # waited for long enough
        (6399, 20, 1_000, False),
        (6400, 20, 1_000, True),  # at the latest
    ],
)
def test_the_codebook_starts_when_most_items_have_come(events: int, exposed: int, items: int, due: bool) -> None:
    filing = Filing(Model(config(codes=8, start_steps=10, start_exposures=5, start_latest=100)))
    assert filing.due(events, exposed, items) == due


def test_an_event_weighs_the_same_in_short_batches() -> None:
    settings = config(id_dropout=0.0, admit_after=1)
    *batches, last = Exposures(3).batches(settings, 10)
    full, short = _learner(settings), _learner(settings)
    for batch in batches:
        full.step(batch)
        for start in range(0, len(batch), 4):
            short.step(_part(batch, start, start + 4))
    untrained = _learner(settings).step(last).loss_aux
    squares = [learner._tables["user"]._squares.sum() for learner in (full, short)]
    assert squares[1] < 4 * squares[0]  # 256 times as much if each batch counted as one
    assert untrained - short.step(last).loss_aux > 0.8 * (untrained - full.step(last).loss_aux) > 0.2


def test_without_a_catalogue_exposed_items_are_enough() -> None:
    settings = config()
    learner = Learner(settings)
    reports = [learner.step(batch) for batch in Exposures(6).batches(settings, 6)]
    assert [report.started for report in reports] == [False] * 3 + [True, False, False]
    assert reports[-1].columns == len(set(list(Exposures(6).batches(settings, 6))[-1].item_ids))
    assert reports[-1].codes_hit > 1
    assert learner.reseed([1]) == []


def test_features_come_from_the_catalogue_when_the_batch_has_none() -> None:
    settings = config()
    one, other = _learner(settings), _learner(settings)
    for batch in Exposures(7).batches(settings, 3):
        assert one.step(batch) == other.step(replace(batch, item_features=()))


def test_a_batch_without_positives_still_counts() -> None:
    settings = config()
    learner = _learner(settings)
    batch = next(iter(Exposures(8).batches(settings, 1)))
    before = learner.model.items(ITEMS).v_nd
    report = learner.step(replace(batch, labels_bt=np.zeros_like(batch.labels_bt)))
    assert report.positives == (0, 0)
    assert (report.loss_aux, report.loss_ind) == (0.0, 0.0)
    assert learner.clock == 64
    assert np.array_equal(learner.model.items(ITEMS).v_nd, before)
    counts = learner.place(batch.item_ids[:1]).popularity_nh - learner.place(["new"]).popularity_nh
    assert (counts > 0).all()


def test_empty_codes_are_seeded_where_items_are_crowded_one_percent_at_most() -> None:
    settings = config(codes=250, start_exposures=1, start_steps=2, start_latest=2, alpha=0.4)
    learner = _learner(settings)
    for batch in Exposures(9).batches(settings, 5):
        learner.step(batch)
    assert learner.reseed([]) == []
    held = np.bincount(learner.place(ITEMS).clusters_n, minlength=250)
    empty = np.flatnonzero(held == 0).tolist()
    learner.take_changes()
    moved = learner.reseed(empty)
    assert len(moved) == 2
    assert set(moved) <= set(empty)
    parameters, state = learner.take_changes()
    assert parameters.rows["codebook"][0] == state.rows["codebook"][0] == [str(code) for code in moved]
    assert learner.reseed(moved) == []  # moved just now: given its time
    assert _learner(settings).reseed([1, 2]) == []


def test_expired_ids_are_removed_from_parameters_and_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.learner.EXPIRE_EVERY", 2)
    settings = config(expire_after=64 * 3)
    learner = _learner(settings)
    old = Batch(["old"] * 3, ["old"] * 3, np.ones((3, 2), np.float32))
    learner.step(old)
    learner.step(old)
    parameters, state = learner.take_changes()
    assert "old" in parameters.rows["item"][0]
    for batch in Exposures(10).batches(settings, 6):
        learner.step(batch)
    parameters, state = learner.take_changes()
    assert "old" in parameters.removed["item"]
    assert "old" in parameters.removed["user"]
    assert "old" in state.removed["statistics"]
    assert "old" in state.removed["item"]


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (Batch([], [], np.zeros((0, 2), np.float32)), "0 exposures"),
        (Batch(["u"] * 65, ["i"] * 65, np.zeros((65, 2), np.float32)), "65 exposures, expected 1..64"),
        (Batch(["u"], ["i"], np.zeros((1, 3), np.float32)), "for 2 tasks"),
        (Batch(["u"], ["i", "j"], np.zeros((1, 2), np.float32)), "2 items"),
        (Batch(["u"], ["i"], np.zeros((1, 2), np.float32), item_features=[{}, {}]), "item features"),
        (Batch(["u"], ["i"], np.zeros((1, 2), np.float32), contexts=[{}, {}]), "contexts"),
        (Batch(["u"], ["i"], np.zeros((1, 2), np.float32), item_features=[{"price": "x"}]), "feature price"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_and_changes_nothing(batch: Batch, message: str) -> None:
    learner = _learner(config())
    learner.take_changes()
    with pytest.raises(BatchError, match=message):
        learner.step(batch)
    assert learner.clock == learner.steps == 0
    assert learner.take_changes() == (Changes(), Changes())


def test_state_that_does_not_fit_is_refused() -> None:
    settings = config()
    learner = _learner(settings)
    learner.step(next(iter(Exposures(0).batches(settings, 1))))
    parameters, state = learner.take_changes()
    with pytest.raises(RestoreError, match=r"learner\.steps"):
        _learner(settings).restore(parameters, Changes())
    broken = Changes(rows={**state.rows, "statistics": (["i1"], np.zeros((1, 2)))}, dense=state.dense)
    with pytest.raises(RestoreError, match="statistics"):
        _learner(settings).restore(parameters, broken)


def test_rewards() -> None:
    settings = config()
    batch = Batch(["u"] * 4, ["i"] * 4, np.array([[1, 9], [0, np.nan], [np.nan, -3], [0.5, 1e30]], np.float32))
    assert batch.rewards(settings) == pytest.approx(
        np.array([[1, np.log1p(9)], [0, 0], [0, 0], [1, np.log1p(settings.tasks[1].cap)]])
    )


def test_the_device_is_an_argument() -> None:
    learner = _learner(config(), device="cpu")
    assert learner.model.device.type == "cpu"


@pytest.mark.parametrize(
    "settings",
    [
        config(id_dropout=0.0),
        config(id_dropout=0.0, gamma=0.5, uniform_share=0.0),
        config(id_dropout=0.0, log_q=False),
        config(id_dropout=0.0, same_user_mask=False),
        config(id_dropout=0.0, same_cluster_mask=True),
    ],
)
@pytest.mark.parametrize("offered", [120, 20])
def test_losses_follow_the_reference(settings: ModelConfig, offered: int) -> None:
    learner, published = _learner(settings), Changes()
    for number in range(offered, 120):
        learner.catalogue.put(f"i{number}", item_features(number), drawn=False)
    *earlier, batch = Exposures(11).batches(settings, 9)
    for one in earlier:
        learner.step(one)
        published = published.merge(learner.take_changes()[0])
    drawn = learner.catalogue.sample(round(64 * settings.uniform_share), learner._rng(0))
    ids = sorted({*batch.item_ids, *drawn})
    prior = learner.model.log_share(learner.popularity(ids))
    share = dict(zip(ids, np.exp(prior).tolist(), strict=True))
    log_q = softmax_reference.log_q(share, {f"i{number}" for number in range(offered)}, 64, len(drawn))
    log_q = log_q if settings.log_q else dict.fromkeys(ids, 0.0)
    masking = batch.user_ids if settings.same_user_mask else [str(row) for row in range(len(batch))]
    plain = model_reference.Model(settings, published)
    found = {name: plain.item(name, item_features(int(name[1:]))) for name in ids}
    present = dict(zip(ids, learner._counts.codes(ids).tolist(), strict=True))
    filed = {name: plain.code(v, present[name]) for name, (v, _) in found.items()}
    codes = {name: plain.tables["codebook"][str(code)][:-1] for name, code in filed.items()}
    rows = zip(
        batch.user_ids, batch.user_features, batch.contexts, batch.history_items, batch.history_ages, strict=True
    )
    users = np.array([plain.user(*row) for row in rows])
    rewards = batch.rewards(settings)
    expected = {"aux": 0.0, "ind": 0.0}
    for task in range(2):
        for kind, vectors in [("aux", {name: v for name, (v, _) in found.items()}), ("ind", codes)]:
            expected[kind] += softmax_reference.loss(
                users[:, task], vectors, {name: float(bias[task]) for name, (_, bias) in found.items()},
                dict(zip(ids, (settings.gamma * prior).tolist(), strict=True)), log_q, masking, batch.item_ids,
                drawn, (rewards[:, task] * settings.tasks[task].weight).tolist(),
                lambda row, item, t=task: plain.bonus(t, batch.history_items[row], item),
                filed.__getitem__ if kind == "ind" and settings.same_cluster_mask else str,
            )  # fmt: skip
    report = learner.step(batch)
    assert report.loss_aux == pytest.approx(expected["aux"] / sum(report.positives), rel=1e-3)
    assert report.loss_ind == pytest.approx(expected["ind"] / sum(report.positives), rel=1e-3)
