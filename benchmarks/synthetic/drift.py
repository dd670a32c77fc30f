"""A stream that drifts in a known way: topics appear, move and die, items move between them and have their day."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from benchmarks.interactions import Interactions
from benchmarks.synthetic.truth import Truth
from pipeline.arrays import Doubles, Floats, Ints, Longs
from pipeline.config import Task

EPOCH = 1_704_067_200_000  # 2024-01-01, milliseconds
DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Drift:
    """How a stream is made. All of it happens period by period; within a period nothing changes.

    Attributes:
        events, users, items, topics: how many; users differ in activity (log-normal).
        periods: steps of drift.
        days: what the stream spans.
        dim: of the space in which users have tastes and topics places.
        sharpness: how strongly a user prefers topics near their taste; 0: not at all.
        zipf: exponent of item weights by rank.
        noise: share of exposures of any published item, drawn uniformly.
        turn: radians by which every topic turns over the whole stream: other users come to like it.
        moves: share of items that change to another topic, once.
        births: share of topics that appear after the start; as many of the others die before the end.
        newcomers: share of items that are published after the start.
        bursts: times that some item's weight grows by `burst_factor`, halving every period.
    """

    seed: int = 0
    events: int = 60_000
    users: int = 1_500
    items: int = 3_000
    topics: int = 48
    periods: int = 60
    days: float = 14.0
    dim: int = 8
    sharpness: float = 8.0
    zipf: float = 0.8
    noise: float = 0.1
    turn: float = 2.0
    moves: float = 0.3
    births: float = 0.3
    newcomers: float = 0.3
    bursts: int = 60
    burst_factor: float = 20.0

    def still(self) -> Self:
        """The same without any drift: all is there from the start and stays as it is."""
        return replace(self, turn=0.0, moves=0.0, births=0.0, newcomers=0.0, bursts=0)


def drifting(drift: Drift) -> tuple[Interactions, Truth]:
    """Draw a stream, and what is true of it.

    >>> stream, truth = drifting(Drift(events=100, users=5, items=20, topics=4, periods=2, bursts=1))
    >>> len(stream), truth.probabilities(period=0, users=np.array([3])).shape
    (100, (1, 20))
    """
    rng = np.random.default_rng(drift.seed)
    truth = _truth(drift, rng)
    activity = rng.lognormal(0.0, 1.0, drift.users)
    time_n = np.sort(rng.integers(0, round(drift.days * DAY), drift.events)) + EPOCH
    period_n = truth.period_of(time_n)
    user_n = rng.choice(drift.users, drift.events, p=activity / activity.sum()).astype(np.int32)
    item_n = np.empty(drift.events, np.int32)
    for period in range(drift.periods):
        rows = np.flatnonzero(period_n == period)
        item_n[rows] = _draw(truth.probabilities(period, user_n[rows]), rng)
    interactions = Interactions(
        name="drift",
        users=[f"u{number}" for number in range(drift.users)],
        items=[f"i{number}" for number in range(drift.items)],
        user_n=user_n,
        item_n=item_n,
        time_n=time_n,
        tasks=(Task("click"),),
        labels_nt=np.ones((drift.events, 1), np.float32),
        published_m=truth.start_of(truth.published_m),
    )
    return interactions, truth


def _truth(drift: Drift, rng: np.random.Generator) -> Truth:
    born_k, dead_k = _lives(drift, rng)
    topic_m = rng.integers(drift.topics, size=drift.items)
    late_m = rng.random(drift.items) < drift.newcomers
    published_m = np.where(late_m, rng.integers(drift.periods, size=drift.items), 0)
    published_m = np.maximum(published_m, born_k[topic_m])
    order = np.argsort(published_m, kind="stable")  # items are numbered in order of publication
    published_m, topic_m = published_m[order], topic_m[order]
    topic_pm = _moved(drift, topic_m, published_m, born_k, rng)
    tastes_ud = rng.standard_normal((drift.users, drift.dim))
    return Truth(
        first=EPOCH,
        length=drift.days * DAY / drift.periods,
        tastes_ud=tastes_ud / np.linalg.norm(tastes_ud, axis=1, keepdims=True),
        places_pkd=_turning(drift, rng),
        alive_pk=_during(drift, born_k, dead_k),
        topic_pm=topic_pm,
        weight_pm=_weights(drift, rng),
        published_m=published_m,
        sharpness=drift.sharpness,
        noise=drift.noise,
    )


def _lives(drift: Drift, rng: np.random.Generator) -> tuple[Longs, Longs]:
    """First period of each topic, and the first after its last."""
    born_k, dead_k = np.zeros(drift.topics, np.int64), np.full(drift.topics, drift.periods)
    order = rng.permutation(drift.topics)
    n = min(round(drift.births * drift.topics), (drift.topics - 1) // 2)  # one topic lives throughout
    born_k[order[:n]] = rng.integers(1, max(drift.periods, 2), n)
    dead_k[order[n : 2 * n]] = rng.integers(1, max(drift.periods, 2), n)
    return np.minimum(born_k, drift.periods - 1), dead_k


def _during(drift: Drift, born_k: Longs, dead_k: Longs) -> Floats:
    period_p1 = np.arange(drift.periods)[:, None]
    alive: Floats = ((period_p1 >= born_k) & (period_p1 < dead_k)).astype(np.float32)
    return alive


def _turning(drift: Drift, rng: np.random.Generator) -> Doubles:
    """Places of topics, (P, K, dim): each turns in a plane of its own."""
    planes_k = rng.standard_normal((drift.topics, drift.dim, 2))
    axes_kd2 = np.linalg.qr(planes_k)[0]
    angle_p = drift.turn * np.arange(drift.periods) / drift.periods
    circle_p2 = np.stack((np.cos(angle_p), np.sin(angle_p)), axis=1)
    places: Doubles = np.einsum("kdc,pc->pkd", axes_kd2, circle_p2)
    return places


def _moved(drift: Drift, topic_m: Longs, published_m: Longs, born_k: Longs, rng: np.random.Generator) -> Ints:
    """Topic of each item in each period, (P, M)."""
    when_m = rng.integers(0, drift.periods, drift.items)
    other_m = rng.integers(drift.topics, size=drift.items)
    moving_m = (rng.random(drift.items) < drift.moves) & (when_m > published_m) & (born_k[other_m] <= when_m)
    after_pm = (np.arange(drift.periods)[:, None] >= when_m) & moving_m
    topic_pm: Ints = np.where(after_pm, other_m, topic_m).astype(np.int32)
    return topic_pm


def _weights(drift: Drift, rng: np.random.Generator) -> Doubles:
    """Weight of each item in each period, (P, M)."""
    zipf_m = (1.0 + rng.permutation(drift.items)) ** -drift.zipf
    weight_pm = np.tile(zipf_m, (drift.periods, 1))
    for item, start in zip(*rng.integers(0, [[drift.items], [drift.periods]], (2, drift.bursts)), strict=True):
        fading = drift.burst_factor * 0.5 ** np.arange(drift.periods - start)
        weight_pm[start:, item] = np.maximum(weight_pm[start:, item], zipf_m[item] * fading)
    return weight_pm


def _draw(probabilities_qm: Doubles, rng: np.random.Generator) -> Ints:
    """One item a row."""
    sums_qm = probabilities_qm.cumsum(axis=1)
    draws_q1 = rng.random((len(sums_qm), 1)) * sums_qm[:, -1:]
    drawn: Ints = (sums_qm <= draws_q1).sum(axis=1).astype(np.int32)
    return drawn
