"""Under another configuration a model goes on: old scores to the bit, old parameters to the bit, and it learns."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.axes import item_row_axis, parameter_axes, state_axes
from pipeline.batch import Batch
from pipeline.changes import Changes
from pipeline.config import Feature, ModelConfig, Task
from pipeline.inputs import UserInputs
from pipeline.layout import ITEM_TABLE
from pipeline.learner import Learner
from pipeline.migration import Migration, carry, migrate
from pipeline.model import Model
from pipeline.reconfiguration import arranged

CLICK, WATCH, LIKE = Task("click"), Task("watch", "value"), Task("like")
COLOUR, AGE, PRICE = (
    Feature("colour", "item", "categorical", 4),
    Feature("age", "user", "numeric"),
    Feature("price", "item", "numeric"),
)
TAGS, HOUR = Feature("tags", "item", "multi", 6), Feature("hour", "context", "numeric")
BEFORE = ModelConfig(
    tasks=(CLICK, WATCH), features=(COLOUR, AGE), dim=8, id_dim=8, hidden=12, codes=8, batch=32, start_steps=2,
    start_exposures=1, admit_after=1,
)  # fmt: skip
MORE = replace(BEFORE, tasks=(CLICK, WATCH, LIKE), features=(COLOUR, AGE, PRICE, TAGS, HOUR))
ITEMS, USERS = [f"i{n}" for n in range(40)], [f"u{n}" for n in range(16)]


def batch_of(config: ModelConfig, seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    shown, by = rng.integers(0, len(ITEMS), config.batch), rng.integers(0, len(USERS), config.batch)
    names = {feature.name for feature in config.features}
    return Batch(
        [USERS[user] for user in by],
        [ITEMS[item] for item in shown],
        (rng.random((config.batch, config.n_tasks)) < 0.4).astype(np.float32),
        item_features=[only(names, features_of(item)) for item in shown.tolist()],
        user_features=[only(names, {"age": float(user)}) for user in by.tolist()],
        contexts=[only(names, {"hour": float(item % 24)}) for item in shown.tolist()],
        history_items=[[ITEMS[(user + n) % len(ITEMS)] for n in range(5)] for user in by.tolist()],
    )


def features_of(item: int) -> dict[str, Any]:
    return {"colour": f"c{item % 3}", "price": float(item), "tags": [f"t{item % 5}", f"t{item % 7}"]}


def only(names: set[str], features: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in features.items() if name in names}


def learnt(config: ModelConfig, steps: int = 12) -> Learner:
    learner = Learner(config)
    for seed in range(steps):
        learner.step(batch_of(config, seed))
    return learner


def stored(learner: Learner) -> tuple[Changes, Changes]:
    """All of it, as the topics hold it."""
    parameters, state = learner.take_changes()
    return parameters, state


def gone_on(parameters: Changes, state: Changes, done: Migration, config: ModelConfig) -> Learner:
    """What a trainer restores once the migration is written."""
    kept = [part.merge(changes) for part, changes in ((parameters, done.parameters), (state, done.state))]
    for part in kept:
        for name in done.gone:
            part.dense.pop(name, None)
    learner = Learner(config)
    learner.restore(*kept)
    return learner


def scores(model: Model, config: ModelConfig) -> np.ndarray[Any, Any]:
    """Of every user and item, by each of the tasks of BEFORE; by index and by ranker."""
    names = {feature.name for feature in config.features}
    inputs = UserInputs(
        USERS, [{"age": float(n)} for n in range(len(USERS))], [], [ITEMS[n : n + 5] for n in range(16)]
    )
    features = [only(names & {"colour"}, features_of(n)) for n in range(len(ITEMS))]
    places = [[task.name for task in config.tasks].index(task.name) for task in BEFORE.tasks]
    index = [model.fine(u, model.items(ITEMS, features), np.zeros(len(ITEMS))) for u in model.users(inputs)]
    ranked = [
        model.scores(user, model.rank_items(ITEMS, features), np.zeros(len(ITEMS))) for user in model.rank_users(inputs)
    ]
    return np.stack([np.stack(index), np.stack(ranked)])[:, :, places]


@pytest.fixture
def before(one_thread: None) -> tuple[Learner, Changes, Changes]:
    learner = learnt(BEFORE)
    return (learner, *stored(learner))


@pytest.mark.parametrize("ranker", ["index", "two_tower", "attention"])
@pytest.mark.parametrize("config", [BEFORE, MORE], ids=["few", "many"])
def test_every_tensor_that_is_published_or_kept_has_its_axes(ranker: Any, config: ModelConfig) -> None:
    config = replace(config, ranker=ranker)
    parameters, state = stored(learnt(config, steps=3))
    elsewhere = ("codebook.", "popularity.", "clock.", "learner.")
    for dense, axes in ((parameters.dense, parameter_axes(config)), (state.dense, state_axes(config))):
        shapes = {
            name: values.shape for name, values in dense.items() if not name.startswith((*elsewhere, "adam.steps"))
        }
        assert shapes == {name: tuple(map(len, each)) for name, each in axes.items()}
    assert parameters.rows[ITEM_TABLE][1].shape[1] == len(item_row_axis(config))


@pytest.mark.parametrize("ranker", ["index", "two_tower", "attention"])
def test_features_and_tasks_more_change_no_score_and_no_bit_of_what_was_learnt(ranker: Any, one_thread: None) -> None:
    old, new = replace(BEFORE, ranker=ranker), replace(MORE, ranker=ranker)
    learner = learnt(old)
    parameters, state = stored(learner)
    done = migrate(parameters, state, old, new)
    after = gone_on(parameters, state, done, new)
    assert not done.gone
    # Products are added up over more columns, all 0: the last bit of a sum may differ.
    np.testing.assert_allclose(scores(after.model, new), scores(learner.model, old), atol=1e-6)
    for was, now, axes in (
        (parameters.dense, done.parameters.dense, (parameter_axes(old), parameter_axes(new))),
        (state.dense, done.state.dense, (state_axes(old), state_axes(new))),
    ):
        for name, labels in axes[0].items():
            np.testing.assert_array_equal(carry(now[name], axes[1][name], np.zeros_like(was[name]), labels), was[name])
    labels = item_row_axis(old)
    places = [item_row_axis(new).index(label) for label in labels]
    names, rows = parameters.rows[ITEM_TABLE]
    kept_names, wider = done.parameters.rows[ITEM_TABLE]
    assert kept_names == names
    np.testing.assert_array_equal(wider[:, places], rows)
    assert not np.delete(wider, places, axis=1).any()
    assert done.parameters.rows.keys() == {ITEM_TABLE}
    assert not done.parameters.removed
    assert not done.state.rows
    np.testing.assert_array_equal(after.model.codebook.codes_kd, learner.model.codebook.codes_kd)


@pytest.mark.parametrize("ranker", ["index", "two_tower", "attention"])
def test_what_is_new_learns_from_then_on(ranker: Any, one_thread: None) -> None:
    old, new = replace(BEFORE, ranker=ranker), replace(MORE, ranker=ranker)
    parameters, state = stored(learnt(old))
    after = gone_on(parameters, state, migrate(parameters, state, old, new), new)
    begun = after.model.dense()
    for seed in range(100, 130):
        report = after.step(batch_of(new, seed))
        assert np.isfinite([report.loss_aux, report.loss_ind, report.loss_rank]).all()
    moved = after.model.dense()
    old_axes, new_axes = parameter_axes(old), parameter_axes(new)
    for name in ("tower.user.net.skip.weight", "tower.item.net.hidden.weight", "tower.repeats.bonus_tb"):
        for axis, (known, labels) in enumerate(zip(old_axes[name], new_axes[name], strict=True)):
            added = [place for place, label in enumerate(labels) if label not in known]
            changed = np.take(moved[name], added, axis) != np.take(begun[name], added, axis)
            assert not added or changed.any(), (name, axis)
    assert np.abs(after.model.tables["item-tags"].values).max() > 0
    u = after.model.users(UserInputs(USERS))
    assert np.isfinite(u).all()


def test_a_task_and_a_feature_less_leave_the_others_as_they_were(before: tuple[Learner, Changes, Changes]) -> None:
    learner, parameters, state = before
    fewer = replace(BEFORE, tasks=(WATCH,), features=(AGE,))
    done = migrate(parameters, state, BEFORE, fewer)
    after = gone_on(parameters, state, done, fewer)
    assert set(done.parameters.removed["item-colour"]) == {"c0", "c1", "c2"} == set(done.state.removed["item-colour"])
    bare = [{} for _ in ITEMS]
    inputs = UserInputs(USERS, [{"age": 3.0}] * len(USERS))
    expected = learner.model.users(inputs)[:, 1:2]
    np.testing.assert_allclose(after.model.users(inputs), expected, atol=1e-6)
    was = learner.model.items(ITEMS, bare)
    now = after.model.items(ITEMS, bare)
    np.testing.assert_allclose(now.v_nd, was.v_nd, atol=1e-6)  # the same numbers, added up over fewer columns
    np.testing.assert_allclose(now.bias_nt[:, 0], was.bias_nt[:, 1], atol=1e-6)
    after.step(batch_of(fewer, 7))


def test_a_feature_of_another_width_begins_anew(before: tuple[Learner, Changes, Changes]) -> None:
    _, parameters, state = before
    wider = replace(BEFORE, features=(replace(COLOUR, dim=6), AGE))
    after = gone_on(parameters, state, migrate(parameters, state, BEFORE, wider), wider)
    assert len(after.model.tables["item-colour"]) == 0
    after.step(batch_of(wider, 7))
    assert after.model.tables["item-colour"].values.shape[1] == 6


@pytest.mark.parametrize(("one", "other"), [("index", "two_tower"), ("two_tower", "attention"), ("attention", "index")])
def test_another_ranker_ranks_as_the_index_at_first(one: Any, other: Any, one_thread: None) -> None:
    old, new = replace(BEFORE, ranker=one), replace(BEFORE, ranker=other)
    learner = learnt(old)
    parameters, state = stored(learner)
    done = migrate(parameters, state, old, new)
    after = gone_on(parameters, state, done, new)
    found = scores(after.model, new)
    np.testing.assert_allclose(found[0], scores(learner.model, old)[0], atol=1e-6)
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    assert bool(done.gone) == (one != "index")
    after.step(batch_of(new, 7))


def test_the_order_of_tasks_and_features_means_nothing() -> None:
    mixed = replace(MORE, tasks=(LIKE, WATCH, CLICK), features=(HOUR, AGE, PRICE, COLOUR, TAGS))
    found = arranged(mixed, BEFORE)
    assert found.tasks == (CLICK, WATCH, LIKE)
    assert found.features == (COLOUR, AGE, HOUR, PRICE, TAGS)
