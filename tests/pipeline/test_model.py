"""The model: a replica fed by changes equals the learner and the reference, in batches and one by one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.batch import Batch
from pipeline.changes import Changes
from pipeline.errors import BatchError, RestoreError
from pipeline.inputs import UserInputs
from pipeline.learner import Learner
from pipeline.model import Model
from tests.pipeline.streams import Exposures, config, item_features
from tests.reference import model as reference

CONFIG = config(ranker="two_tower")
ITEMS = [f"i{number}" for number in range(0, 130, 3)]
FEATURES = [item_features(number) if number % 2 else {} for number in range(0, 130, 3)]


class Trained:
    """A learner after some steps, all it published, and a replica that followed."""

    def __init__(self) -> None:
        self.learner = Learner(CONFIG)
        for number in range(120):
            self.learner.catalogue.put(f"i{number}", item_features(number))
        self.replica = Model(CONFIG)
        self.published = Changes()
        for batch in Exposures(0).batches(CONFIG, 8):
            self.learner.step(batch)
            self.last: Batch = batch
            parameters, _ = self.learner.take_changes()
            self.replica.apply(parameters)
            self.published = self.published.merge(parameters)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return Trained()


def test_a_replica_computes_what_the_learner_computes(trained: Trained) -> None:
    model = trained.learner.model
    users = trained.last.users
    for one, other in [
        (model.items(ITEMS, FEATURES), trained.replica.items(ITEMS, FEATURES)),
        (model.rank_items(ITEMS, FEATURES), trained.replica.rank_items(ITEMS, FEATURES)),
    ]:
        assert np.array_equal(one.v_nd, other.v_nd)
        assert np.array_equal(one.bias_nt, other.bias_nt)
    assert np.array_equal(model.users(users), trained.replica.users(users))
    assert np.array_equal(model.rank_users(users), trained.replica.rank_users(users))
    placed = trained.learner.place(ITEMS, FEATURES, np.full(len(ITEMS), -1, np.int32))
    nowhere = np.full(len(ITEMS), -1, np.int32)
    assert np.array_equal(trained.replica.assign(model.items(ITEMS, FEATURES).v_nd, nowhere), placed.clusters_n)
    assert trained.replica.clock == trained.learner.clock == 8 * 64
    assert np.array_equal(
        trained.replica.log_share(placed.popularity_nh), trained.learner.model.log_share(placed.popularity_nh)
    )


def test_vectors_follow_the_reference(trained: Trained) -> None:
    plain = reference.Model(CONFIG, trained.published)
    for tower, vectors in [
        ("item", trained.replica.items(ITEMS, FEATURES)),
        ("rank_item", trained.replica.rank_items(ITEMS, FEATURES)),
    ]:
        for name, features, v, bias in zip(ITEMS, FEATURES, *vectors, strict=True):
            expected = plain.item(name, features, tower)
            assert v == pytest.approx(expected[0], abs=1e-4)
            assert bias == pytest.approx(expected[1], abs=1e-4)
    inputs = trained.last.users
    for tower, u_btd in [("user", trained.replica.users(inputs)), ("rank_user", trained.replica.rank_users(inputs))]:
        rows = zip(
            inputs.user_ids, inputs.features, inputs.contexts, inputs.history_items, inputs.history_ages, strict=True
        )
        for row, u_td in zip(rows, u_btd, strict=True):
            assert u_td == pytest.approx(np.array(plain.user(*row, tower)), abs=1e-4)


def test_codes_follow_the_reference(trained: Trained) -> None:
    plain = reference.Model(CONFIG, trained.published)
    vectors = trained.replica.items(ITEMS, FEATURES).v_nd
    present = np.random.default_rng(0).integers(-1, 8, len(ITEMS)).astype(np.int32)
    chosen = trained.replica.assign(vectors, present)
    expected = [plain.code(v.astype(np.float64), int(now)) for v, now in zip(vectors, present, strict=True)]
    assert chosen.tolist() == expected


def test_single_calls_agree_with_a_batch(trained: Trained) -> None:
    model, inputs = trained.replica, trained.last.users
    whole = model.items(ITEMS, FEATURES)
    for place in (0, 7, len(ITEMS) - 1):
        one = model.items([ITEMS[place]], [FEATURES[place]])
        assert one.v_nd[0] == pytest.approx(whole.v_nd[place], abs=1e-6)
        assert one.bias_nt[0] == pytest.approx(whole.bias_nt[place], abs=1e-5)
    u = model.users(inputs)
    for place in (0, 30):
        single = UserInputs(*([entries[place]] for entries in (
            inputs.user_ids, inputs.features, inputs.contexts, inputs.history_items, inputs.history_ages
        )))  # fmt: skip
        assert model.users(single)[0] == pytest.approx(u[place], abs=1e-6)


def test_scores_add_up(trained: Trained) -> None:
    model, inputs = trained.replica, trained.last.users
    one = UserInputs(inputs.user_ids[:1], inputs.features[:1], inputs.contexts[:1], inputs.history_items[:1])
    log_share = np.random.default_rng(0).normal(size=len(ITEMS))
    scores = model.rank(one, ITEMS, FEATURES, log_share)
    items, u = model.rank_items(ITEMS, FEATURES), model.rank_users(one)[0]
    expected = u @ items.v_nd.T + items.bias_nt.T + CONFIG.gamma * log_share
    assert scores == pytest.approx(expected, abs=1e-4)
    codes = model.codebook.codes_kd
    assert codes is not None
    u = model.users(one)[0]
    assert model.coarse(u) == pytest.approx(u @ codes.T, abs=1e-5)


def test_one_side_is_enough_for_an_indexer(trained: Trained) -> None:
    indexer = Model(CONFIG, sides=("item",))
    indexer.apply(trained.published)
    assert "user" not in indexer.tables
    assert np.array_equal(indexer.items(ITEMS, FEATURES).v_nd, trained.replica.items(ITEMS, FEATURES).v_nd)
    assert indexer.initial_popularity() == pytest.approx(trained.learner.model.initial_popularity())


def test_an_id_nobody_knows_is_described_by_its_features_only(trained: Trained) -> None:
    new, other = (trained.replica.items([name], [item_features(5)]) for name in ("new", "newer"))
    assert np.array_equal(new.v_nd, other.v_nd)
    assert np.linalg.norm(new.v_nd) == pytest.approx(1.0, abs=1e-5)


def test_before_training() -> None:
    model = Model(CONFIG)
    assert model.items(ITEMS).v_nd.shape == (len(ITEMS), 8)
    assert model.users(UserInputs(["u"])).shape == (1, 2, 8)
    assert model.coarse(model.users(UserInputs(["u"]))[0]).shape == (2, 0)
    assert model.assign(model.items(["a"]).v_nd, np.array([-1], np.int32)).tolist() == [-1]
    assert np.array_equal(model.items(["a"]).v_nd, Model(CONFIG).items(["a"]).v_nd)
    assert not np.array_equal(model.items(["a"]).v_nd, Model(replace(CONFIG, seed=1)).items(["a"]).v_nd)


def test_the_ranking_step_may_use_the_index_s_vectors() -> None:
    model = Model(config(ranker="index"))
    assert np.array_equal(model.rank_items(["a"]).v_nd, model.items(["a"]).v_nd)
    assert not any(name.startswith("rank") for name in model.tensors())


def test_removed_rows_go(trained: Trained) -> None:
    replica = Model(CONFIG)
    replica.apply(trained.published)
    before = replica.items(["i0"]).v_nd
    replica.apply(Changes(removed={"item": ["i0"], "elsewhere": ["x"]}))
    assert not np.array_equal(replica.items(["i0"]).v_nd, before)
    assert np.array_equal(replica.items(["i0"]).v_nd, replica.items(["nobody"]).v_nd)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (UserInputs(["a", "b"], [{}]), "user features: 1 entries for 2 rows"),
        (UserInputs(["a"], (), [{}, {}]), "contexts"),
        (UserInputs(["a", "b"], (), (), [["x"]]), "histories"),
        (UserInputs(["a"], [{"country": ["x"]}]), "feature country"),
    ],
)
def test_inputs_that_do_not_fit_together_are_refused(inputs: UserInputs, message: str) -> None:
    with pytest.raises(BatchError, match=message):
        Model(CONFIG).users(inputs)


def test_parameters_of_another_configuration_are_refused(trained: Trained) -> None:
    parameters: dict[str, Any] = trained.published.dense
    with pytest.raises(RestoreError, match="table item"):
        Model(config(id_dim=4, ranker="two_tower")).apply(trained.published)
    with pytest.raises(RestoreError, match=r"tower\.\w+"):
        Model(config(hidden=8)).apply(Changes(dense=parameters))
