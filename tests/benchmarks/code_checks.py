"""What each term of codebook, counts and index is there for, as one number that is different without it."""

from typing import Any

import numpy as np

from pipeline.batch import Batch
from pipeline.config import Task
from pipeline.filing import Filing
from pipeline.inputs import UserInputs
from pipeline.learner import Learner
from pipeline.model import Model
from tests.benchmarks.tower_checks import GENRE, groups, learner_of, ones, small

WATCH = Task("watch", "value")
NEVER = 1e9  # a threshold that no code's mass falls below: no disturbance


def _started(codes: Any, mass: Any, **settings: Any) -> Model:
    """A model with this codebook."""
    codes_kd = np.array(codes, np.float32)
    model = Model(small(dim=codes_kd.shape[1], **settings))
    model.codebook.start(codes_kd, np.array(mass, np.float32))
    return model


def items_that_a_dying_code_draws(**settings: Any) -> float:
    """Of 100 items that are a little nearer to the code that has all the mass."""
    model = _started([[0.0, 1.0], [1.0, 0.0]], [1.0, 99.0], **settings)
    angles = np.linspace(0.3, 0.75, 100)
    vectors = np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
    return float((model.assign(vectors, np.full(100, -1, np.int32)) == 0).sum())


def items_that_a_crowded_code_keeps(**settings: Any) -> float:
    """Of 100 items, all a little nearer to the code that has nine times the mass of the other."""
    model = _started([[0.0, 1.0], [1.0, 0.0]], [1.0, 9.0], **{"disturbance": NEVER, **settings})
    angles = np.linspace(0.6, 0.75, 100)
    vectors = np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
    return float((model.assign(vectors, np.full(100, -1, np.int32)) == 1).sum())


def code_of_a_light_but_far_one(**settings: Any) -> float:
    """At distance 2 with r = .6 a code looks 1.2 far, nearer than one at 1.3; squared distances say otherwise."""
    model = _started([[2.0], [-1.3]], [0.3, 0.7], disturbance=1.0, **settings)
    return float(model.assign(np.zeros((1, 1), np.float32), np.array([-1], np.int32))[0])


def moves_on_a_border(**settings: Any) -> float:
    """How often an item is refiled that wobbles a little between two codes, of 200 times."""
    model = _started([[1.0], [-1.0]], [1.0, 1.0], **settings)
    present, moves = np.array([-1], np.int32), 0
    for place in np.random.default_rng(0).normal(scale=0.004, size=200):
        chosen = model.assign(np.array([[place]], np.float32), present)
        moves += int(present[0] >= 0 and chosen[0] != present[0])
        present = chosen
    return float(moves)


def mass_of_rare_items(**settings: Any) -> float:
    """Mass of the codes of 40 items exposed every tenth batch, beside that of 60 exposed in every one."""
    config = small(
        features=(GENRE,),
        codes=2,
        disturbance=1e9,
        uniform_mass=0.0,
        id_dropout=0.0,
        start_steps=20,
        interval_rate=0.5,
        **settings,
    )
    learner = learner_of(config, 100, lambda item: item // 60)
    for step in range(80):
        items = [*range(60), *(60 + (np.arange(4) + 4 * step) % 40).tolist()]
        learner.step(Batch([f"u{item // 60}" for item in items], [f"i{item}" for item in items], ones(64)))
    return _mass_of(learner, range(60, 100), range(60))


def mass_where_nobody_looks(**settings: Any) -> float:
    """Mass of the codes of three genres that nobody takes, beside that of the one which everybody takes."""
    learner = learner_of(
        small(features=(GENRE,), codes=16, id_dropout=0.0, start_steps=20, **settings), 400, lambda item: item // 100
    )
    rng = np.random.default_rng(1)
    for _ in range(60):
        items = rng.integers(100, size=64).tolist()
        learner.step(Batch([f"u{item % 10}" for item in items], [f"i{item}" for item in items], ones(64)))
    return _mass_of(learner, range(100, 400), range(100))


def mass_of_long_watches(cap: float = WATCH.cap) -> float:
    """Mass that items watched for ever have in their codes, beside those watched for a minute."""
    config = small(tasks=(Task("watch", "value", cap=cap),), features=(GENRE,), codes=2, uniform_mass=0.0)
    learner = learner_of(config, 60, lambda item: item // 30)
    rng = np.random.default_rng(0)
    for _ in range(40):
        items = rng.integers(60, size=64)
        labels = np.where(items < 30, 1e30, 60.0)[:, None].astype(np.float32)
        learner.step(Batch([f"u{item // 30}" for item in items], [f"i{item}" for item in items], labels))
    return _mass_of(learner, range(30), range(30, 60))


def _mass_of(learner: Learner, items: range, others: range) -> float:
    codes = []
    for group in (items, others):
        names = [f"i{item}" for item in group]
        vectors = learner.model.items(names, [learner.catalogue.get(name) for name in names]).v_nd
        codes.append(learner.model.assign(vectors, np.full(len(names), -1, np.int32)))
    mass = learner.model.codebook.counts_k
    return float(mass[np.setdiff1d(codes[0], codes[1])].sum() / mass[np.unique(codes[1])].sum())


def mass_of_a_deserted_code(**settings: Any) -> float:
    """Share of its first mass that a code without items has after 100 batches."""
    filing = _filing(64, **settings)
    for _ in range(100):
        _follow(filing, 64)
    return float(filing.averages.counts_k[3])


def mass_by_short_batches(batch: int = 64) -> float:
    """What is left of a code's mass after 640 events in batches of 16, beside what full ones leave."""
    whole, parts = _filing(64), _filing(batch)
    for _ in range(10):
        _follow(whole, 64)
    for _ in range(40):
        _follow(parts, 16)
    return float(parts.averages.counts_k[3] / whole.averages.counts_k[3])


def _filing(batch: int, **settings: Any) -> Filing:
    filing = Filing(Model(small(batch=batch, codes=4, alpha=0.9, **settings)))
    filing.averages.start(np.eye(4, 8, dtype=np.float32), 1.0)
    return filing


def _follow(filing: Filing, events: int) -> None:
    codes = np.arange(events, dtype=np.int32) % 3
    filing.follow(np.eye(4, 8, dtype=np.float32)[codes], codes, np.ones(events), np.ones(events, np.bool_))


def codes_in_use_at_the_start(**settings: Any) -> float:
    """Share of the codes that hold an item when the codebook has just started."""
    learner = learner_of(small(codes=16, start_steps=20, **settings))
    groups(learner, 20)
    return len(set(learner.place([f"i{item}" for item in range(80)]).clusters_n.tolist())) / 16


def items_that_a_reseeded_code_holds(**settings: Any) -> float:
    """A code far from all items gets none by itself, even though codes without mass look near."""
    learner = learner_of(small(disturbance=1.0, **settings))
    groups(learner, 30)
    averages, dead = learner._filing.averages, np.array([7])
    averages.reseed(dead, np.full((1, 8), 50.0, np.float32), 4.0)
    learner.reseed([7])
    groups(learner, 5)
    return float((learner.place([f"i{item}" for item in range(80)]).clusters_n == 7).sum())


def share_of_what_is_hot_now(**settings: Any) -> float:
    """Mean log p of what is exposed next, where fashion changes every ten batches: log(1 / 10) is the most."""
    learner, found = learner_of(small(**({"half_lives": (500.0, 256_000.0)} | settings)), 400), []
    rng = np.random.default_rng(0)
    for step in range(80):
        items = [f"i{item}" for item in (rng.integers(10, size=64) + 10 * (step // 10)).tolist()]
        if step % 10 > 4:
            found.append(float(learner.model.log_share(learner.popularity(items)).mean()))
        learner.step(Batch([f"u{row % 9}" for row in range(64)], items, ones(64)))
    return float(np.mean(found[-20:]))


def log_share_of_a_new_item(**settings: Any) -> float:
    """Beside that of one which is exposed once in a thousand times."""
    learner = learner_of(small(**settings))
    groups(learner, 20)
    return float(learner.model.log_share(learner.popularity(["new"]))[0])


def probability_too_much(**settings: Any) -> float:
    """How far the mean probability is from the share of exposures that are clicked, one in ten."""
    learner, rng = learner_of(small(**settings)), np.random.default_rng(0)
    for _ in range(100):
        items, labels = rng.integers(80, size=64).tolist(), (rng.random((64, 1)) < 0.1).astype(np.float32)
        learner.step(Batch([f"u{item % 9}" for item in items], [f"i{item}" for item in items], labels))
    names = [f"i{item}" for item in range(80)]
    model, share = learner.model, learner.model.log_share(learner.popularity(names))
    scores = model.fine(model.users(UserInputs(["u1"]))[0], model.items(names), share)
    return abs(float(model.probabilities(scores).mean()) - 0.1)
