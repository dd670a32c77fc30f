"""What each term of loss and towers is there for, as one number that is different without it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipeline.batch import Batch
from pipeline.config import Feature, ModelConfig, Task
from pipeline.inputs import UserInputs
from pipeline.learner import Learner
from pipeline.model import Model

GENRE = Feature("genre", "item", "categorical", dim=8)
USERS, GROUPS, ITEMS = 24, 4, 80  # user u likes items i with i % GROUPS == u % GROUPS


def small(**settings: Any) -> ModelConfig:
    """A model that learns within a second."""
    defaults: dict[str, Any] = {
        "tasks": (Task("click"),), "dim": 8, "id_dim": 8, "hidden": 8, "batch": 64, "codes": 8, "history": 10,
        "start_steps": 2, "start_exposures": 1, "half_lives": (2000.0,),
    }  # fmt: skip
    return ModelConfig(**(defaults | settings))


def ones(rows: int, tasks: int = 1) -> Any:
    return np.ones((rows, tasks), np.float32)


def learner_of(config: ModelConfig, items: int = ITEMS, genre: Callable[[int], int] | None = None) -> Learner:
    """One that knows i0, i1, ...; `genre` gives each one's only feature."""
    learner = Learner(config, 0)
    for item in range(items):
        learner.catalogue.put(f"i{item}", {"genre": f"g{genre(item)}"} if genre else {})
    return learner


def groups(learner: Learner, steps: int, items: int = ITEMS) -> list[float]:
    """Let every user take items of their own group; the loss on v of each step."""
    rng, losses = np.random.default_rng(0), []
    for _ in range(steps):
        users = rng.integers(USERS, size=learner.config.batch)
        taken = rng.integers(items // GROUPS, size=len(users)) * GROUPS + users % GROUPS
        losses.append(learner.step(Batch(_names("u", users), _names("i", taken), ones(len(users)))).loss_aux)
    return losses


def lead(learner: Learner) -> float:
    """How far u·v is higher for items of a user's own group than for others, on average."""
    return _lead(learner, learner.model.items([f"i{item}" for item in range(ITEMS)]).v_nd)


def _lead(learner: Learner, v_nd: Any) -> float:
    u_ud = learner.model.users(UserInputs([f"u{user}" for user in range(USERS)]))[:, 0]
    own = np.arange(USERS)[:, None] % GROUPS == np.arange(ITEMS) % GROUPS
    scores = u_ud @ v_nd.T
    return float(scores[own].mean() - scores[~own].mean())


def loss_of_one_user_s_batch(**settings: Any) -> float:
    """All columns are the row's own user's, so there is nothing to be contrasted with."""
    learner = learner_of(small(uniform_share=0.0, **settings))
    return learner.step(Batch(["u0"] * 8, [f"i{item}" for item in range(8)], ones(8))).loss_aux


def loss_against_an_item_drawn_three_times(**settings: Any) -> float:
    """Before anything is learned: three rows lose log 2 against one other draw, the fourth log 4 against three."""
    learner = learner_of(small(uniform_share=0.0, **settings))
    return learner.step(Batch(["u0", "u1", "u2", "u3"], ["i0", "i0", "i0", "i1"], ones(4))).loss_aux


def taste_for_what_nobody_takes(**settings: Any) -> float:
    """u·v + bias of items of a genre that is offered and never taken, beside that of all others."""
    learner = learner_of(small(features=(GENRE,), **settings), 2 * ITEMS, lambda item: item // ITEMS)
    groups(learner, 40)
    names = [f"i{item}" for item in range(2 * ITEMS)]
    model, features = learner.model, [learner.catalogue.get(name) for name in names]
    u = model.users(UserInputs([f"u{user}" for user in range(USERS)]))[:, 0]
    taste = model.fine(u, model.items(names, features), np.zeros(len(names))).mean(axis=0)
    return float(taste[ITEMS:].mean() - taste[:ITEMS].mean())


def value_of_an_id_seen_once(**settings: Any) -> float:
    """The largest number in the row of an item that was exposed only once, steps ago."""
    learner = learner_of(small(id_dropout=0.0, **settings))
    groups(learner, 3)
    learner.step(Batch(["u0", "u1"], ["once", "i1"], ones(2)))
    groups(learner, 3)
    table = learner.model.tables["item"]
    return float(np.abs(table.values[table.ids.find(["once"])]).max())


def what_is_left_without_the_id(**settings: Any) -> float:
    """Share of the lead of a user's own items that remains when their features alone are shown."""
    learner = learner_of(small(features=(GENRE,), **settings), genre=lambda item: item // 2)
    groups(learner, 150)
    names = [f"i{item}" for item in range(ITEMS)]
    features = [learner.catalogue.get(name) for name in names]
    whole, part = (_lead(learner, learner.model.items(ids, features).v_nd) for ids in (names, ["?"] * ITEMS))
    return part / whole


def loss_after_a_bad_start(**settings: Any) -> float:
    """The loss that is left when the towers count far too little at first."""
    return float(np.mean(groups(learner_of(small(tau=1.0, **settings)), 100)[-10:]))


def lead_by_one_loss(**settings: Any) -> float:
    """What the towers learn through the codes alone."""
    learner = learner_of(small(**({"aux_weight": 0.0} | settings)))
    groups(learner, 60)
    return lead(learner)


def lead_before_there_are_codes(**settings: Any) -> float:
    """What the towers learn while there is nothing else."""
    learner = learner_of(small(start_steps=500, **settings))
    groups(learner, 40)
    return lead(learner)


def _with_rows(**settings: Any) -> tuple[Model, Any]:
    """A model that has learned nothing but holds ids at random, and the vectors of these."""
    model, rng = Model(small(dim=16, id_dim=16, **settings)), np.random.default_rng(0)
    names = [f"i{item}" for item in range(40)]
    model.tables["item"].put(names, rng.normal(size=(40, 17)).astype(np.float32))
    return model, model.items(names).v_nd


def nearness_to_the_history(**settings: Any) -> float:
    """cos(u, v) of a user with the items of the history, beside others, before anything is learned."""
    model, v_nd = _with_rows(**settings)
    u = model.users(UserInputs(["u"], history_items=[[f"i{item}" for item in range(5)]]))[0, 0]
    cosines = v_nd @ u / np.linalg.norm(u)
    return float(cosines[:5].mean() - cosines[5:].mean())


def weight_of_the_order(**settings: Any) -> float:
    """How much nearer u is to what came late in the history than when the same came early; the last is the same."""
    model, v_nd = _with_rows(**settings)
    one, other, last = [f"i{item}" for item in range(4)], [f"i{item}" for item in range(10, 14)], ["i20"]
    histories = [[*other, *one, *last], [*one, *other, *last]]
    u = model.users(UserInputs(["u", "u"], history_items=histories))[:, 0]
    cosines = u @ v_nd[:4].T / np.linalg.norm(u, axis=1)[:, None]
    return float(cosines[0].mean() - cosines[1].mean())


def lead_by_the_time_away(**settings: Any) -> float:
    """People who are back within a minute take items of one group, those away for a month of another one."""
    learner, rng = learner_of(small(id_dropout=0.0, **settings)), np.random.default_rng(0)
    away = np.array([60.0, 30 * 86_400.0])
    for _ in range(60):
        long = rng.integers(2, size=64)
        taken = _names("i", rng.integers(ITEMS // 2, size=64) * 2 + long)
        ages = [[seconds] for seconds in away[long].tolist()]
        users = _names("u", rng.integers(USERS, size=64))
        learner.step(Batch(users, taken, ones(64), history_items=[["i0"]] * 64, history_ages=ages))
    u = learner.model.users(UserInputs(["u0", "u0"], history_items=[["i0"]] * 2, history_ages=[[s] for s in away]))
    scores = u[:, 0] @ learner.model.items([f"i{item}" for item in range(ITEMS)]).v_nd.T
    return float(scores[0, ::2].mean() - scores[0, 1::2].mean() + scores[1, 1::2].mean() - scores[1, ::2].mean())


def difference_to_a_replica(**settings: Any) -> float:
    """Between the trainer's vectors and those of a process that has read what was published, for ids hardly seen."""
    config = small(**settings)
    learner, replica = learner_of(config), Model(config)
    groups(learner, 3)
    learner.step(Batch(["u0"], ["once"], ones(1)))
    replica.apply(learner.take_changes()[0])
    names = [f"i{item}" for item in range(ITEMS)] + ["once", "never"]
    return float(np.abs(learner.model.items(names).v_nd - replica.items(names).v_nd).max())


def agreement_of_tasks(**settings: Any) -> float:
    """u·v of what a user clicks beside what the same user buys, which are different things: by task, the worse one."""
    learner, rng = learner_of(small(tasks=(Task("click"), Task("buy")), **settings)), np.random.default_rng(0)
    for _ in range(60):
        users, buys = rng.integers(USERS, size=64), rng.integers(2, size=64)
        taken = rng.integers(ITEMS // GROUPS, size=64) * GROUPS + (users + buys) % GROUPS
        labels = np.stack((1 - buys, buys), axis=1).astype(np.float32)
        learner.step(Batch(_names("u", users), _names("i", taken), labels))
    u = learner.model.users(UserInputs([f"u{user}" for user in range(USERS)]))
    scores = u @ learner.model.items([f"i{item}" for item in range(ITEMS)]).v_nd.T
    group = np.arange(ITEMS) % GROUPS
    leads = []
    for task in range(2):
        mine = [(np.arange(USERS)[:, None] + shift) % GROUPS == group for shift in (task, 1 - task)]
        leads.append(float(scores[:, task][mine[0]].mean() - scores[:, task][mine[1]].mean()))
    return min(leads)


def _names(letter: str, numbers: Sequence[int] | Any) -> list[str]:
    return [f"{letter}{number}" for number in np.asarray(numbers).tolist()]
