"""Items never exposed before, ranked by their features alone, beside the same without features and beside chance.

They are ranked by taste, u·v: bias and popularity, of which nobody knows anything yet, are left out on all sides, since
beside them they would be nowhere near the first 100 and the number would say nothing of their features. How often the
full score puts them there is given, too.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from benchmarks.arms.base import K, Moment, Questions
from benchmarks.arms.exact import blocks
from benchmarks.confidence import bootstrap
from benchmarks.scoring import Scorer
from benchmarks.timeline import Timeline
from pipeline.arrays import Doubles, Floats, Ints, Longs
from pipeline.native import native

TIED: Final = 1e-5
"""Scores nearer than this are equal: the same sum is added up in two ways."""


class Cold:
    """Follows the exposures that are the first of their item.

    Such an item has no row of its own in the model: its vector comes from its features. It is ranked among all other
    items known, without what the user has seen; ties count half.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._users: list[Ints] = []
        self._hits: list[Doubles] = []  # (n, 4): by features, without them, by chance; by features and popularity

    def ask(self, moment: Moment, questions: Questions) -> None:
        """Rank those targets of one micro-batch that are exposed for the first time."""
        first = self._timeline.first_exposed_m[questions.target_q] == questions.event_q
        chosen = np.flatnonzero(first)
        if not len(chosen) or not moment.n_items:
            return
        set_, model = moment.set, moment.learner.model
        numbers = questions.target_q[chosen].tolist()
        ids = [set_.items[item] for item in numbers]
        features = [set_.features_of_item(item) for item in numbers]
        known, unknown = model.items(ids, features), model.items(ids)
        by_features, without = (_taste(moment, chosen, vectors.v_nd) for vectors in (known, unknown))
        taste = replace(moment.scorer, static_n=np.zeros_like(moment.static_n), own=moment.scorer.own.cleared())
        hits = _hits(taste, moment, questions, chosen, np.column_stack((by_features, without)))
        initial = model.initial_popularity()[model.active_half_life] - model.log_mass_h[model.active_half_life]
        served = by_features + known.bias_nt[:, 0] + np.float32(model.config.gamma * initial)
        full = _hits(moment.scorer, moment, questions, chosen, served[:, None])
        self._hits.append(np.column_stack((hits, full[:, 0])))
        self._users.append(set_.user_n[questions.event_q[chosen]])

    def summary(self, seed: int = 0) -> dict[str, Any]:
        """Means, and the interval of the first when users are drawn anew."""
        if not self._hits:
            return {
                "n": 0,
                "hit@100": 0.0,
                "id_only": 0.0,
                "chance": 0.0,
                "with_popularity": 0.0,
                "interval": [0.0, 0.0],
            }
        hits = np.concatenate(self._hits)
        _, user_q, questions_u = np.unique(np.concatenate(self._users), return_inverse=True, return_counts=True)
        hits_u1: Doubles = np.bincount(user_q, hits[:, 0])[:, None].astype(np.float64)
        interval = bootstrap(hits_u1, questions_u, seed)[0].tolist()
        features, without, chance, full = hits.mean(axis=0).tolist()
        return {
            "n": len(hits),
            "hit@100": features,
            "id_only": without,
            "chance": chance,
            "with_popularity": full,
            "interval": interval,
        }


def _taste(moment: Moment, chosen: Longs, v_qd: Floats) -> Floats:
    """u·v of each chosen question's own item, (Q,)."""
    scores: Floats = (moment.u_qd[chosen] * v_qd).sum(axis=1)
    return scores


def _hits(scorer: Scorer, moment: Moment, questions: Questions, chosen: Longs, own_qw: Floats) -> Doubles:
    """Whether each own score is among the first K, and how likely that is by chance, (Q, W + 1)."""
    scorer = replace(scorer, u_qd=scorer.u_qd[chosen], own=scorer.own.of(chosen))
    seen, targets = questions.seen, questions.target_q[chosen]
    ranks, rivals = np.zeros(own_qw.shape), np.zeros(len(chosen), np.int64)
    marks = np.zeros(moment.n_items, np.uint8)
    for begin, end in blocks(len(chosen), moment.n_items):
        asked = chosen[begin:end]
        _rank(
            scorer.all(begin, end), own_qw[begin:end], targets[begin:end], seen.items_s, seen.begin_q[asked],
            seen.end_q[asked], marks, ranks[begin:end], rivals[begin:end],
        )  # fmt: skip
    return np.column_stack((ranks < K, np.minimum(1.0, K / (rivals + 1))))


@native
def _rank(
    scores_qn: Floats, own_qw: Floats, targets_q: Ints, seen_s: Ints, begin_q: Longs, end_q: Longs, marks: Any,
    ranks_qw: Doubles, rivals_q: Longs,
) -> None:  # fmt: skip
    """Ranks of own scores among those of all items but the target and what the user has seen."""
    n = scores_qn.shape[1]
    for q in range(scores_qn.shape[0]):
        for s in range(begin_q[q], end_q[q]):
            if seen_s[s] < n:
                marks[seen_s[s]] = 1
        if targets_q[q] < n:
            marks[targets_q[q]] = 1
        for i in range(n):
            if marks[i] == 1:
                scores_qn[q, i] = -np.inf
                marks[i] = 0
            else:
                rivals_q[q] += 1
        for w in range(own_qw.shape[1]):
            above, equal = 0, 0
            for i in range(n):
                ahead = scores_qn[q, i] - own_qw[q, w]
                above += ahead > TIED
                equal += -TIED <= ahead <= TIED
            ranks_qw[q, w] = above + 0.5 * equal
