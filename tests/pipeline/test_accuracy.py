"""An accuracy gate on a seeded stream: it fails when a term of the loss is taken away."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from pipeline.balance import perplexity
from pipeline.batch import Batch
from pipeline.config import ModelConfig, Task
from pipeline.histories import Histories
from pipeline.inputs import UserInputs
from pipeline.learner import Learner

ITEMS, USERS, TOPICS, STEPS, LAST = 600, 300, 30, 70, 20
K, SCORED, ASKED = 20, 60, 32


class Accuracy(NamedTuple):
    """Hit@20 over the last steps, each predicted before it is learned, and balance at the end."""

    exact: float
    svq: float
    popular: float
    perplexity: float


def _config(**settings: Any) -> ModelConfig:
    small = {
        "tasks": (Task("click"),), "dim": 16, "id_dim": 16, "hidden": 16, "batch": 256, "codes": 32, "history": 10,
        "start_steps": 10, "half_lives": (4000.0,), "tau": 0.1,
    }  # fmt: skip
    return ModelConfig(**(small | settings))


class Taste:
    """Users like two topics each; items of a topic differ in popularity; 15 % of exposures are of any item."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        topics = self.rng.integers(TOPICS, size=ITEMS)
        self.tastes = self.rng.integers(TOPICS, size=(USERS, 2))
        self.members = [np.flatnonzero(topics == topic) for topic in range(TOPICS)]
        self.weights = self.rng.lognormal(0, 1, ITEMS)

    def item(self, user: int) -> int:
        members = self.members[self.tastes[user, self.rng.integers(2)]]
        if len(members) == 0 or self.rng.random() < 0.15:
            return int(self.rng.integers(ITEMS))
        weights = self.weights[members]
        return int(self.rng.choice(members, p=weights / weights.sum()))


def _run(config: ModelConfig, seed: int) -> Accuracy:
    taste, learner, histories = Taste(seed), Learner(config, seed), Histories(config.history)
    names = [f"i{number}" for number in range(ITEMS)]
    for name in names:
        learner.catalogue.put(name, {})
    hits, clock = [], 0
    for step in range(STEPS):
        users = taste.rng.integers(USERS, size=config.batch).tolist()
        items, seen = [taste.item(user) for user in users], []
        for user, item in zip(users, items, strict=True):
            clock += 1
            seen.append(histories.as_of(f"u{user}", clock).items)
            histories.append(f"u{user}", f"i{item}", clock)
        ids = [f"u{user}" for user in users]
        if step >= STEPS - LAST:
            hits += _hits(learner, names, ids[:ASKED], seen[:ASKED], items[:ASKED])
        ones = np.ones((config.batch, 1), np.float32)
        learner.step(Batch(ids, [names[item] for item in items], ones, history_items=seen))
    held = np.bincount(learner.place(names).clusters_n, minlength=config.codes_for(ITEMS))
    return Accuracy(*np.mean(hits, axis=0).tolist(), perplexity(held))


def _hits(
    learner: Learner, names: list[str], users: list[str], seen: list[tuple[str, ...]], targets: list[int]
) -> list[tuple[bool, bool, bool]]:
    model, vectors = learner.model, learner.model.items(names)
    clusters = model.assign(vectors.v_nd, np.full(ITEMS, -1, np.int32))
    prior = model.config.gamma * model.log_share(learner.popularity(names))
    u = model.users(UserInputs(users, history_items=seen))[:, 0]
    fine = model.fine(u, vectors, model.log_share(learner.popularity(names)))
    coarse = model.coarse(u)[:, clusters] + vectors.bias_nt[:, 0] + prior
    found = []
    for row, target in enumerate(targets):
        candidates = np.argsort(-coarse[row], kind="stable")[:SCORED]
        better = fine[row] > fine[row, target]
        kept = target in candidates and better[candidates].sum() < K
        found.append((bool(better.sum() < K), bool(kept), bool((prior > prior[target]).sum() < K)))
    return found


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("seed", [0, 1])
def test_gates(seed: int) -> None:
    full = _run(_config(), seed)
    print(seed, full)
    assert full.exact > 2 * full.popular
    assert full.svq > 0.95 * full.exact
    assert full.perplexity > 20
    # Without L_aux the vectors learn through their codes only, and slowly: the gate has to notice.
    assert _run(_config(aux_weight=0.0), seed).exact < 2 * full.popular


def test_the_codes_alone_teach_the_towers() -> None:
    alone = _run(_config(aux_weight=0.0, codes=16, start_steps=2), 0)
    nothing = _run(_config(aux_weight=0.0, ind_weight=0.0, codes=16, start_steps=2), 0)
    print(alone, nothing)
    assert alone.svq > 1.3 * alone.popular
    assert nothing.svq < 1.3 * nothing.popular
