"""The attention ranker: the reference's numbers, the same wherever it runs, and what it teaches the embeddings."""

from typing import Any

import numpy as np
import pytest
import torch

from pipeline.batch import Batch
from pipeline.changes import Changes
from pipeline.errors import ConfigError
from pipeline.gather import Gathered
from pipeline.inputs import UserInputs
from pipeline.learner import Learner
from pipeline.model import Model
from pipeline.rankers.attentive import AttentiveRanker
from pipeline.rankers.learning import labelled
from tests.pipeline.streams import Exposures, config, item_features
from tests.reference import attention as reference

CONFIG = config(ranker="attention", rank_history=4, rank_negatives=4, rank_rate=0.02)
ITEMS = [f"i{number}" for number in range(0, 120, 3)]
FEATURES = [item_features(number) for number in range(0, 120, 3)]


class Trained:
    """A learner after some steps, and a replica that followed what it published."""

    def __init__(self, settings: Any = CONFIG, steps: int = 10) -> None:
        self.learner = Learner(settings)
        for number in range(120):
            self.learner.catalogue.put(f"i{number}", item_features(number))
        self.replica, self.published = Model(settings), Changes()
        for batch in Exposures(0).batches(settings, steps):
            self.learner.step(batch)
            self.last: Batch = batch
            parameters, _ = self.learner.take_changes()
            self.replica.apply(parameters)
            self.published = self.published.merge(parameters)

    @property
    def inputs(self) -> UserInputs:
        return self.last.users


@pytest.fixture(scope="module")
def trained() -> Trained:
    torch.set_num_threads(1)
    return Trained()


def _share() -> Any:
    return np.random.default_rng(0).normal(-5, 1, len(ITEMS))


def _one(inputs: UserInputs, place: int) -> UserInputs:
    fields = (inputs.user_ids, inputs.features, inputs.contexts, inputs.history_items)
    return UserInputs(*([entries[place]] for entries in fields))


def _corrections(model: Model, inputs: UserInputs) -> Any:
    """What attention adds to the index's scores of one user, (T, N)."""
    share = _share()
    plain = model.fine(model.users(inputs)[0], model.items(ITEMS, FEATURES), share)
    return model.rank(inputs, ITEMS, FEATURES, share) - plain


@pytest.mark.parametrize("place", [0, 9, 33])
def test_corrections_follow_the_reference(trained: Trained, place: int) -> None:
    model, inputs = trained.replica, _one(trained.inputs, place)
    assert isinstance(model.ranker, AttentiveRanker)
    net, share, width = reference.Net(trained.published.dense), _share(), CONFIG.id_dim
    user = model.inputs.users(model.inputs.encode_users(inputs), model._find)
    items = model.inputs.items(model.inputs.encode_items(ITEMS, FEATURES), model._find)
    of_user, of_items = (Gathered(model.tables, side.uses, model.device, learn=False) for side in (user, items))
    user_inputs = of_user.inputs(user.uses, user.numbers_nm)[0].numpy().astype(np.float64)
    item_inputs = of_items.inputs(items.uses, items.numbers_nm).numpy().astype(np.float64)
    table = model.tables["item"]
    rows = table.ids.find(list(reversed(inputs.history_items[0]))[: CONFIG.rank_history])
    history = [table.values[row, :width].astype(np.float64) if row else None for row in rows]
    u, vectors = model.users(inputs)[0], model.items(ITEMS, FEATURES)
    found = _corrections(model, inputs)
    assert np.abs(found).max() > 0.01
    for number, row in enumerate(table.ids.find(ITEMS)):
        index = np.concatenate([u @ vectors.v_nd[number], vectors.bias_nt[number], [CONFIG.gamma * share[number]]])
        expected = net.correction(
            item_inputs[number], table.values[row, :width].astype(np.float64), user_inputs, history, index
        )
        assert found[:, number] == pytest.approx(expected, abs=1e-3)


def test_a_replica_scores_as_the_learner_s_model_does(trained: Trained) -> None:
    one, other, share = trained.learner.model, trained.replica, _share()
    assert np.array_equal(one.rank_users(trained.inputs), other.rank_users(trained.inputs))
    for place in (0, 5):
        inputs = _one(trained.inputs, place)
        assert np.array_equal(one.rank(inputs, ITEMS, FEATURES, share), other.rank(inputs, ITEMS, FEATURES, share))
    assert np.array_equal(one.calibration_t2, other.calibration_t2)
    scores = one.rank(_one(trained.inputs, 0), ITEMS, FEATURES, share)
    assert np.array_equal(one.probabilities(scores), other.probabilities(scores))


def test_candidates_do_not_know_of_each_other(trained: Trained) -> None:
    model, inputs, share = trained.replica, _one(trained.inputs, 3), _share()
    together = model.rank(inputs, ITEMS, FEATURES, share)
    alone = [model.rank(inputs, [ITEMS[n]], [FEATURES[n]], share[n : n + 1])[:, 0] for n in (0, 7)]
    for number, scores in zip((0, 7), alone, strict=True):
        assert together[:, number] == pytest.approx(scores, abs=1e-4)


def test_an_untrained_ranker_changes_nothing() -> None:
    model = Model(CONFIG)
    assert np.abs(_corrections(model, UserInputs(["u"], (), (), [["i3"]]))).max() < 1e-5


def test_users_without_a_history_or_with_one_that_nobody_knows_are_scored(trained: Trained) -> None:
    share = _share()
    for history in ([], ["never", "heard", "of"]):
        scores = trained.replica.rank(UserInputs(["stranger"], (), (), [history]), ITEMS, FEATURES, share)
        assert scores.shape == (2, len(ITEMS))
        assert np.isfinite(scores).all()


def test_the_ranker_teaches_the_shared_embeddings() -> None:
    learner = Trained(config(ranker="attention", aux_weight=0.0, ind_weight=0.0, rank_history=4), steps=0).learner
    batches = list(Exposures(0).batches(learner.config, 6))
    for batch in batches[:3]:  # ids get rows at their second exposure
        learner.step(batch)
    before = learner.model.tables["item"].values.copy()
    for batch in batches[3:]:
        learner.step(batch)
    known = learner.model.tables["item"].ids.find(batches[0].item_ids)
    assert np.abs(learner.model.tables["item"].values[known] - before[known])[:, : learner.config.id_dim].max() > 1e-4


def test_the_index_s_towers_get_no_gradient_from_it() -> None:
    learner = Trained(config(ranker="attention", aux_weight=0.0, ind_weight=0.0), steps=0).learner
    before = {name: value.detach().clone() for name, value in learner.model.tensors().items()}
    for batch in Exposures(0).batches(learner.config, 4):
        learner.step(batch)
    moved = {name for name, value in learner.model.tensors().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("ranker.") for name in moved)


def test_it_learns_what_the_index_leaves_over() -> None:
    """With an index that learns nothing, only the ranker can tell what users like."""
    plain = Trained(config(ranker="attention", aux_weight=0.0, ind_weight=0.0, rank_rate=0.02), steps=0).learner
    losses = [plain.step(batch).loss_rank for batch in Exposures(0).batches(plain.config, 60)]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


def test_a_ranker_that_never_moves_loses_what_the_index_loses() -> None:
    """Masks, popularity, log q and repeats are in its negatives, or the two would differ."""
    settings = config(ranker="attention", rank_rate=1e-12, rank_label_weight=0.0, repeat_rate=0.5)
    learner = Trained(settings, steps=0).learner
    for batch in Exposures(0).batches(settings, 6):
        report = learner.step(batch)
        assert report.loss_rank == pytest.approx(report.loss_aux, rel=1e-4)


def test_labels_count_beside_the_negatives() -> None:
    scores, labels = torch.tensor([[1.0, -2.0], [0.5, 3.0]]), torch.tensor([[1.0, torch.nan], [0.0, 7.0]])
    calibration = torch.tensor([[2.0, 1.0], [0.5, 0.0]])
    expected = np.log1p(np.exp(-3.0)) + np.log1p(np.exp(2.0)) + 0.5 * np.log1p(np.exp(-1.5))
    assert labelled(scores, labels, torch.tensor([1.0, 0.5]), calibration).item() == pytest.approx(expected, rel=1e-5)
    with_labels, without = (
        Trained(config(ranker="attention", rank_rate=0.02, rank_label_weight=weight), steps=6).published.dense
        for weight in (1.0, 0.0)
    )
    assert not np.array_equal(with_labels["tower.ranker.wide.weight"], without["tower.ranker.wide.weight"])


def test_drops_what_fills_the_history_when_it_is_told_where_items_are_filed() -> None:
    settings = config(ranker="attention", rank_history=2, history=5, history_debias=True)
    model = Trained(settings, steps=4).replica
    assert isinstance(model.ranker, AttentiveRanker)
    asked = UserInputs(["u"], (), (), [["i0", "i1", "i6", "i12", "i18"]])
    full = model.rank_users(asked)
    model.ranker.clusters_of = lambda rows: np.where(
        np.isin(rows, model.tables["item"].ids.find(["i6", "i12", "i18"])), 3, rows
    ).astype(np.int32)
    debiased = model.rank_users(asked)
    model.ranker.clusters_of = None
    rest = model.rank_users(UserInputs(["u"], (), (), [["i0", "i1"]]))
    tail = slice(-settings.rank_history * (2 * settings.id_dim + 1), None)
    assert not np.array_equal(full[:, tail], debiased[:, tail])
    assert np.array_equal(debiased[:, tail], rest[:, tail])


def test_indexers_need_nothing_of_it(trained: Trained) -> None:
    indexer = Model(CONFIG, sides=("item",))
    indexer.apply(trained.published)
    assert np.array_equal(indexer.items(ITEMS, FEATURES).v_nd, trained.replica.items(ITEMS, FEATURES).v_nd)


def test_calibration_comes_from_exposures(trained: Trained) -> None:
    assert not np.array_equal(trained.learner.model.calibration_t2, Model(CONFIG).calibration_t2)
    without = Trained(config(), steps=3)
    assert not np.array_equal(without.replica.calibration_t2, Model(CONFIG).calibration_t2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"id_dim": 6}, "id_dim"), ({"rank_history": 0}, "rank_history"), ({"rank_negatives": 0}, "rank_negatives")],
)
def test_settings_out_of_range_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(ranker="attention", **settings)
