"""Items drawn uniformly move the codes, too: as much mass in all as the exposures, each as much as the other."""

import numpy as np
import pytest

from pipeline.batch import Batch
from pipeline.catalogue import Catalogue
from pipeline.columns import columns_of
from pipeline.config import Feature, ModelConfig, Task
from pipeline.filing import Filing
from pipeline.learner import Learner
from pipeline.model import Model

CODES, D = 4, 8


def filing(share: float) -> Filing:
    config = ModelConfig(tasks=(Task("click"),), dim=D, id_dim=D, batch=4, codes=CODES, alpha=0.9, uniform_mass=share)
    result = Filing(Model(config))
    result.averages.start(np.eye(CODES, D, dtype=np.float32), 1.0)
    return result


@pytest.mark.parametrize("share", [0.0, 0.5, 2.0])
def test_drawn_items_share_the_mass_that_the_setting_gives_them(share: float) -> None:
    one = filing(share)
    vectors = np.random.default_rng(0).normal(size=(6, D)).astype(np.float32)
    codes, weights = np.array([0, 0, 1, 1, 2, 3], np.int32), np.array([1.0, 2.0, 3.0, 4.0])
    one.follow(vectors, codes, weights, np.ones(6, np.bool_))
    each = share * 10 / 2
    assert one.averages.counts_k == pytest.approx(0.9 + 0.1 * np.array([3, 7, each, each]))
    start = np.eye(CODES, D)
    assert one.averages.sums_kd[2] == pytest.approx(0.9 * start[2] + 0.1 * each * vectors[4], abs=1e-6)
    assert one.averages.sums_kd[0] == pytest.approx(0.9 * start[0] + 0.1 * (vectors[0] + 2 * vectors[1]), abs=1e-6)


def test_a_drawn_item_shown_without_its_id_moves_nothing() -> None:
    one = filing(1.0)
    one.follow(np.ones((5, D), np.float32), np.array([0, 0, 0, 0, 3], np.int32), np.ones(4), np.arange(5) < 4)
    assert one.averages.counts_k[3] == pytest.approx(0.9)


def test_nothing_drawn_is_no_error() -> None:
    one = filing(1.0)
    one.follow(np.ones((4, D), np.float32), np.zeros(4, np.int32), np.ones(4), np.ones(4, np.bool_))
    assert np.isfinite(one.averages.sums_kd).all()


@pytest.mark.parametrize(
    ("share", "drawn", "mass"), [(0.25, True, 1.5), (0.0, True, 1.0), (0.001, True, 1.0), (0.25, False, 1.0)]
)
def test_codes_start_with_the_mass_that_one_batch_brings(share: float, drawn: bool, mass: float) -> None:
    """That of the exposures, weights of 2, and what uniform items add where any are drawn."""
    config = ModelConfig(
        tasks=(Task("click"),), dim=D, id_dim=D, batch=8, codes=CODES, uniform_share=share, uniform_mass=0.5
    )
    catalogue, names = Catalogue(), [f"i{n}" for n in range(30)]
    for name in names:
        catalogue.put(name, {}, drawn=drawn)
    one = Filing(Model(config))
    one.start(names, catalogue, np.full(8, 2.0), np.random.default_rng(0))
    assert one.averages.counts_k == pytest.approx(np.full(CODES, mass * 8 * 2 / CODES))


def test_draws_are_told_from_exposures() -> None:
    catalogue = Catalogue()
    for name in "abcd":
        catalogue.put(name, {})
    columns = columns_of(["a", "a", "b"], [{}] * 3, catalogue, 50, np.random.default_rng(0))
    assert columns.drawn_c.sum() == 50
    assert (columns.drawn_c > 0).all()
    assert (columns.counts_c[:2] - columns.drawn_c[:2]).tolist() == [2, 1]


def test_the_trainer_lets_the_uniform_items_of_its_batches_count() -> None:
    """Half of the mass lies where the exposures are, half is spread over the catalogue."""
    shares = {}
    for share in (0.0, 1.0):
        config = ModelConfig(
            tasks=(Task("click"),), dim=D, id_dim=D, batch=64, codes=8, start_steps=2, start_exposures=1,
            id_dropout=0.0, uniform_mass=share, features=(Feature("genre", "item", "categorical", dim=D),),
        )  # fmt: skip
        learner, rng = Learner(config), np.random.default_rng(1)
        names, features = [f"i{n}" for n in range(400)], [{"genre": str(n // 100)} for n in range(400)]
        for name, known in zip(names, features, strict=True):
            learner.catalogue.put(name, known)
        for _ in range(60):
            items = rng.integers(100, size=64).tolist()  # all of one genre
            users = [f"u{item % 10}" for item in items]
            learner.step(Batch(users, [names[item] for item in items], np.ones((64, 1), np.float32)))
        vectors = learner.model.items(names, features).v_nd
        codes = learner.model.assign(vectors, np.full(400, -1, np.int32))
        elsewhere = np.setdiff1d(codes[100:], codes[:100])
        shares[share] = learner.model.codebook.counts_k[elsewhere].sum() / learner.model.codebook.counts_k.sum()
    assert shares[0.0] < 0.1
    assert 0.25 < shares[1.0] < 0.5
