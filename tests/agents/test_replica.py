"""The indexer's model follows the trainer's, and files as it does."""

from dataclasses import replace

import numpy as np

from agents.replica import Replica
from pipeline.config import ModelConfig
from pipeline.learner import Batch, Learner
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, Commit, encode_commit, encode_config, records_of
from tests.agents.index_bench import CONFIG

ITEMS = [f"i{n}" for n in range(30)]
FEATURES = [{"category": f"c{n % 3}"} for n in range(30)]
NOWHERE = [-1] * len(ITEMS)
Records = list[tuple[bytes | None, bytes | None]]


def learn(learner: Learner, steps: int) -> None:
    rng = np.random.default_rng(learner.steps)
    for _ in range(steps):
        items = [ITEMS[n] for n in rng.integers(0, len(ITEMS), 64)]
        learner.step(Batch([f"u{n % 5}" for n in range(64)], items, np.ones((64, 1), np.float32)))


def version(learner: Learner, number: int) -> Records:
    parameters, _ = learner.take_changes()
    config: ModelConfig = learner.config
    commit = Commit(version=number, clock=learner.clock, offsets={}, config_hash=config.hash(), time_ms=1)
    return [(CONFIG_KEY, encode_config(config)), *records_of(parameters), (COMMIT_KEY, encode_commit(commit))]


def same(replica: Replica, learner: Learner) -> None:
    placed = replica.place(ITEMS, FEATURES, NOWHERE)
    expected = learner.model.items(ITEMS, FEATURES)
    np.testing.assert_allclose(placed.bias_nt, expected.bias_nt, rtol=1e-5, atol=1e-6)
    codes = learner.model.assign(expected.v_nd, np.array(NOWHERE, np.int32))
    np.testing.assert_array_equal(placed.clusters_n, codes)


def test_without_a_version_everything_is_nowhere() -> None:
    placed = Replica().place(ITEMS, FEATURES, NOWHERE)
    assert (placed.version, set(placed.clusters_n.tolist()), placed.bias_nt.shape) == (0, {-1}, (len(ITEMS), 0))


def test_it_files_as_the_trainer_does_version_by_version() -> None:
    replica, learner = Replica(), Learner(CONFIG)
    learn(learner, 1)
    assert replica.feed(version(learner, 1), complete=True)
    assert not replica.files
    same(replica, learner)
    for number in (2, 3):
        learn(learner, 6)
        assert replica.feed(version(learner, number), complete=True)
        assert replica.files
        same(replica, learner)
        assert replica.place(ITEMS, FEATURES, NOWHERE).version == number


def test_a_new_configuration_is_read_from_the_beginning() -> None:
    replica, learner = Replica(), Learner(CONFIG)
    learn(learner, 6)
    assert replica.feed(version(learner, 1), complete=True)
    before = replica.place(ITEMS, FEATURES, NOWHERE)
    other = Learner(replace(CONFIG, hysteresis=0.5))
    learn(other, 6)
    records = version(other, 2)
    assert not replica.feed(records, complete=True)
    np.testing.assert_array_equal(replica.place(ITEMS, FEATURES, NOWHERE).clusters_n, before.clusters_n)
    replica.read_again()
    assert replica.feed(records, complete=True)
    assert replica.place(ITEMS, FEATURES, NOWHERE).version == 2
    same(replica, other)


def test_a_cluster_that_no_longer_exists_counts_as_none() -> None:
    replica, learner = Replica(), Learner(CONFIG)
    learn(learner, 6)
    replica.feed(version(learner, 1), complete=True)
    gone = replica.place(ITEMS, FEATURES, [10_000] * len(ITEMS))
    np.testing.assert_array_equal(gone.clusters_n, replica.place(ITEMS, FEATURES, NOWHERE).clusters_n)
