"""Items never exposed before, told apart by their features alone, beside the same without features and beside chance.

The question is the one that a system has which must choose what to show for the first time: of the items that nobody
has seen, which would this user take? So they are ranked among each other, by taste, u·v. Beside items that have been
exposed they stand little chance, whatever their features say, since of those much more is known; how often the full
score puts them among the first 100 of all items is given, too.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from benchmarks.arms.base import K, Moment, Questions
from benchmarks.confidence import bootstrap
from benchmarks.timeline import Timeline
from pipeline.arrays import Doubles, Floats, Ints, Longs
from pipeline.model import ItemVectors, Model

TIED: Final = 1e-5
"""Scores nearer than this are equal: the same sum is added up in two ways."""
MOST: Final = 50_000
"""Items looked at: of a larger catalogue those published first."""


class Cold:
    """Follows the exposures that are the first of their item.

    Such an item has no row of its own in the model: its vector comes from its features. It is ranked among all items
    of the set that were not exposed before the micro-batch, also those published later; ties are broken by chance.
    """

    def __init__(self, timeline: Timeline, batch: int) -> None:
        """`batch`: exposures in a full micro-batch."""
        self._timeline, self._batch = timeline, batch
        self._first = 0  # of the items whose vectors are kept, which no index has
        self._as_of = -batch
        self._kept: ItemVectors
        self._users: list[Ints] = []
        self._hits: list[Doubles] = []  # (n, 3): by features, by chance; by features and popularity among all items

    def follow(self, model: Model, start: int, n_items: int, questions: Questions) -> None:
        """Bring the vectors up to date that `ask` needs, by the present towers; reads nothing but the model."""
        if len(self._chosen(questions)) and start - self._as_of >= self._batch:
            self._as_of, self._first = start, n_items
            set_ = self._timeline.set
            later = range(n_items, min(len(set_.items), MOST))
            names = [set_.items[item] for item in later]
            self._kept = model.items(names, [set_.features_of_item(item) for item in later])

    def ask(self, moment: Moment, questions: Questions) -> None:
        """Rank those targets of one micro-batch that are exposed for the first time; `follow` was told of them."""
        chosen = self._chosen(questions)
        if not len(chosen) or not moment.n_items:
            return
        rivals = np.flatnonzero(self._timeline.first_exposed_m[:MOST] >= moment.start)
        vectors = self._vectors(moment, rivals)
        own, u_qd = np.searchsorted(rivals, questions.target_q[chosen]), moment.u_qd[chosen]
        taste_qr = u_qd @ vectors.v_nd.T
        own_q1 = taste_qr[np.arange(len(chosen)), own][:, None]
        above = (taste_qr > own_q1 + TIED).sum(axis=1)
        equal = (np.abs(taste_qr - own_q1) <= TIED).sum(axis=1)
        by_features = np.clip((K - above) / equal, 0.0, 1.0)
        served = own_q1[:, 0] + vectors.bias_nt[own, 0] + _unseen_prior(moment)
        among_all = _among_all(moment, questions, chosen, served)
        by_chance = np.full(len(chosen), min(1.0, K / len(rivals)))
        self._hits.append(np.column_stack((by_features, by_chance, among_all)))
        self._users.append(moment.set.user_n[questions.event_q[chosen]])

    def summary(self, seed: int = 0) -> dict[str, Any]:
        """Means, and the interval of the first when users are drawn anew.

        `id_only` is what vectors without features find: they are all the same, so it is chance by construction.
        """
        hits = np.concatenate([*self._hits, np.zeros((0, 3))])
        features, chance, among_all = hits.mean(axis=0).tolist() if len(hits) else (0.0, 0.0, 0.0)
        return {
            "n": len(hits),
            "hit@100": features,
            "id_only": chance,
            "chance": chance,
            "among_all": among_all,
            "interval": self._interval(hits, seed),
        }

    def _chosen(self, questions: Questions) -> Longs:
        first_m = self._timeline.first_exposed_m[:MOST]
        asked = questions.target_q < len(first_m)
        asked[asked] = first_m[questions.target_q[asked]] == questions.event_q[asked]
        return np.flatnonzero(asked)

    def _vectors(self, moment: Moment, rivals: Longs) -> ItemVectors:
        """Of items published those in the index; of the others from their features, anew for every full micro-batch."""
        published = int(np.searchsorted(rivals, moment.n_items))
        later_n, known_n = rivals[published:] - self._first, rivals[:published]
        pairs = zip(moment.vectors, self._kept, strict=True)
        return ItemVectors(*(np.concatenate((indexed[known_n], kept[later_n])) for indexed, kept in pairs))

    def _interval(self, hits: Doubles, seed: int) -> list[float]:
        if not len(hits):
            return [0.0, 0.0]
        _, user_q, questions_u = np.unique(np.concatenate(self._users), return_inverse=True, return_counts=True)
        hits_u1: Doubles = np.bincount(user_q, hits[:, 0])[:, None].astype(np.float64)
        interval: list[float] = bootstrap(hits_u1, questions_u, seed)[0].tolist()
        return interval


def _unseen_prior(moment: Moment) -> np.float32:
    """gamma log p of an item published now."""
    model = moment.learner.model
    active = model.active_half_life
    return np.float32(model.config.gamma * (model.initial_popularity()[active] - model.log_mass_h[active]))


def _among_all(moment: Moment, questions: Questions, chosen: Longs, served_q: Floats) -> Doubles:
    """Whether each score is among the first K of all items that may be offered, (Q,)."""
    scorer = replace(moment.scorer, u_qd=moment.scorer.u_qd[chosen], own=moment.scorer.own.of(chosen))
    hits = np.zeros(len(chosen))
    for place, question in enumerate(chosen.tolist()):
        scores = scorer.all(place, place + 1)[0]
        scores[questions.seen[question]] = -np.inf
        scores[questions.target_q[question] : questions.target_q[question] + 1] = -np.inf
        hits[place] = (scores > served_q[place] + TIED).sum() < K
    return hits
