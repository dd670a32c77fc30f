"""The ranks every arm reached over a run, and what they come to, by slice."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.arms.base import Answer
from benchmarks.confidence import bootstrap, drawn_means, percentiles
from benchmarks.metrics import GAINS, HEADLINE, mean_metric, mean_metrics
from pipeline.arrays import Bools, Ints, Longs

HOUR = 3_600_000
AGES = {"1h": HOUR, "1d": 24 * HOUR, "7d": 7 * 24 * HOUR}
AGE_NAMES = (*AGES, "older", "unseen")
HISTORIES = {"0": 0, "1-4": 1, "5-19": 5, "20+": 20}  # each from so many positives on
DECILES = 10
WINDOWS = 20
INTERVALS = ("hit@10", HEADLINE, "ndcg@100")

Whole = npt.NDArray[np.integer]
Ranked = npt.NDArray[np.int16]
Small = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Facts:
    """What Q questions are sliced by.

    Attributes:
        event_q: position of each in the interactions.
        user_q: user number.
        age_q: milliseconds since the target was first exposed, negative when it never was.
        decile_q: by popularity (`popularity_deciles`), -1 for an item not known yet.
        history_q: positives in the user's history.
    """

    event_q: Longs
    user_q: Ints
    age_q: Longs
    decile_q: Whole
    history_q: Whole


class Tally:
    """Two bytes a question and arm, and 15 a question beside: 10 M questions of 15 arms take 450 MB.

    >>> tally = Tally(events=2)
    >>> facts = Facts(*(np.array(column) for column in ([0, 1], [7, 8], [-1, 5], [-1, 0], [0, 3])))
    >>> answer = Answer(np.array([-1, 3], np.int32), np.array([[3, 2]], np.int32), scored=2.0)
    >>> tally.add(facts, {"exact": answer}, n_items=4)
    >>> arm = tally.summary()["exact"]
    >>> arm["hit@10"], arm["by_history"]["1-4"], arm["coverage@100"], arm["scored_share"]
    (0.5, {'n': 1, 'hit@100': 1.0}, 0.5, 0.5)
    """

    def __init__(self, events: int) -> None:
        """`events` is the length of the interactions, for the windows over time."""
        self.events = events
        self.n_items = 0
        self._facts: dict[str, list[Whole]] = {name: [] for name in _COLUMNS}
        self._ranks: dict[str, list[Ranked]] = {}
        self._shown: dict[str, Bools] = {}
        self._scored: dict[str, float] = {}

    def __len__(self) -> int:
        return sum(map(len, self._facts["user"]))

    def add(self, facts: Facts, answers: Mapping[str, Answer], n_items: int) -> None:
        """Count the answers to the questions of one micro-batch.

        Args:
            facts: of the questions.
            answers: one a name, the same names every time.
            n_items: items known.

        Raises:
            ValueError: an arm is missing or new, or answers another number of questions.
        """
        if self._ranks and set(answers) != set(self._ranks):
            raise ValueError(f"answers by {sorted(answers)}, before by {sorted(self._ranks)}")
        for name, answer in answers.items():
            if len(answer.rank_q) != len(facts.event_q):
                raise ValueError(f"{name} answered {len(answer.rank_q)} of {len(facts.event_q)} questions")
        for name, column in _COLUMNS.items():
            self._facts[name].append(column(facts))
        self.n_items = max(self.n_items, n_items)
        for name, answer in answers.items():
            self._ranks.setdefault(name, []).append(answer.rank_q.astype(np.int16))
            self._show(name, answer.top_sk)
            share = len(answer.rank_q) * answer.scored / max(n_items, 1)
            self._scored[name] = self._scored.get(name, 0.0) + share

    def rank_q(self, name: str) -> Ranked:
        """All ranks of one arm, in the order in which they were added."""
        return np.concatenate(self._ranks[name])

    def summary(self, seed: int = 0) -> dict[str, dict[str, Any]]:
        """Metrics by arm; `seed` is of the bootstrap."""
        if not self._ranks:
            return {}
        facts = {name: np.concatenate(parts) for name, parts in self._facts.items()}
        ranks = {name: self.rank_q(name) for name in self._ranks}
        intervals = _intervals(ranks, facts["user"], seed)
        return {name: {**self._arm(name, ranks[name], facts), "interval": intervals[name]} for name in ranks}

    def ratio_intervals(self, pairs: Mapping[str, tuple[str, str]], seed: int = 0) -> dict[str, list[float]]:
        """Of the headline metric of one arm over another's, when users are drawn anew; the same users for both.

        Args:
            pairs: arms by name of the ratio; none that found nothing below the line.
            seed: of the bootstrap.
        """
        if not self._ranks or not pairs:
            return {}
        _, user_q, questions_u = np.unique(np.concatenate(self._facts["user"]), return_inverse=True, return_counts=True)
        arms = sorted({arm for pair in pairs.values() for arm in pair})
        sums_um = np.stack([np.bincount(user_q, GAINS[HEADLINE][self.rank_q(arm)]) for arm in arms], axis=1)
        means = dict(zip(arms, drawn_means(sums_um.astype(np.float64), questions_u, seed).T, strict=True))
        intervals = {}
        for name, (above, below) in pairs.items():
            found = means[below] > 0  # users who all found nothing may be drawn
            intervals[name] = percentiles((means[above][found] / means[below][found])[:, None])[0].tolist()
        return intervals

    def fresh(self) -> dict[str, dict[str, float]]:
        """The headline metric of each arm on items first exposed at most an hour, a day, a week before."""
        if not self._ranks:
            return {}
        age_q = np.concatenate(self._facts["age"])
        result: dict[str, dict[str, float]] = {}
        for bucket, name in enumerate(AGES):
            chosen = age_q <= bucket
            hits = {arm: mean_metric(HEADLINE, self.rank_q(arm)[chosen]) for arm in self._ranks}
            result[name] = {"n": int(chosen.sum()), **hits}
        return result

    def _show(self, name: str, top_sk: Ints) -> None:
        shown = self._shown.get(name, np.zeros(0, np.bool_))
        if len(shown) < self.n_items:
            shown = np.append(shown, np.zeros(self.n_items, np.bool_))  # at least doubles: growth stays cheap
        shown[top_sk[top_sk >= 0]] = True
        self._shown[name] = shown

    def _arm(self, name: str, rank_q: Ranked, facts: Mapping[str, Whole]) -> dict[str, Any]:
        window_q = facts["event"] * WINDOWS // max(self.events, 1)
        over_time = _slices(rank_q, window_q, range(WINDOWS))
        starts = [-(-window * self.events // WINDOWS) for window in range(WINDOWS)]
        return {
            **mean_metrics(rank_q),
            "scored_share": self._scored[name] / max(len(rank_q), 1),
            "coverage@100": float(self._shown[name].sum() / max(self.n_items, 1)),
            "by_age": dict(zip(AGE_NAMES, _slices(rank_q, facts["age"], range(len(AGE_NAMES))), strict=True)),
            "by_popularity": _slices(rank_q, facts["decile"], range(DECILES)),
            "by_history": dict(zip(HISTORIES, _slices(rank_q, facts["history"], range(len(HISTORIES))), strict=True)),
            "over_time": [{"event": start, **entry} for start, entry in zip(starts, over_time, strict=True)],
        }


def popularity_deciles(exposures_n: Whole, target_q: Ints) -> Small:
    """Tenth of the known items that each target is in, 0 for the most exposed, -1 for an item not known, (Q,).

    Args:
        exposures_n: exposures so far of each item known; of equal ones the lower number comes first.
        target_q: item numbers.

    >>> popularity_deciles(np.array([5, 0, 9, 1, 1]), np.array([2, 0, 1, 7])).tolist()
    [0, 2, 8, -1]
    """
    n = len(exposures_n)
    tenth_n = np.empty(n + 1, np.int8)
    tenth_n[np.argsort(-exposures_n, kind="stable")] = np.arange(n) * DECILES // max(n, 1)
    tenth_n[n] = -1
    deciles: Small = tenth_n[np.minimum(target_q, n)]
    return deciles


def _age_buckets(age_q: Longs) -> Small:
    bucket_q = np.searchsorted(np.array(list(AGES.values())), age_q).astype(np.int8)  # an age of exactly 1 h is "1h"
    bucket_q[age_q < 0] = AGE_NAMES.index("unseen")
    return bucket_q


def _history_buckets(history_q: Whole) -> Small:
    buckets: Small = np.searchsorted(np.array(list(HISTORIES.values())), history_q, side="right").astype(np.int8)
    return buckets - np.int8(1)


_COLUMNS: Mapping[str, Callable[[Facts], Whole]] = {
    "event": lambda facts: facts.event_q.astype(np.int64),
    "user": lambda facts: facts.user_q.astype(np.int32),
    "age": lambda facts: _age_buckets(facts.age_q),
    "decile": lambda facts: facts.decile_q.astype(np.int8),
    "history": lambda facts: _history_buckets(facts.history_q),
}


def _slices(rank_q: Ranked, slice_q: Whole, slices: Iterable[int]) -> list[dict[str, float]]:
    result: list[dict[str, float]] = []
    for wanted in slices:
        chosen = rank_q[slice_q == wanted]
        result.append({"n": len(chosen), HEADLINE: mean_metric(HEADLINE, chosen)})
    return result


def _intervals(ranks: Mapping[str, Ranked], user_q: Whole, seed: int) -> dict[str, dict[str, list[float]]]:
    """The same users are drawn for all arms."""
    _, user_q, questions_u = np.unique(user_q, return_inverse=True, return_counts=True)
    sums = [np.bincount(user_q, GAINS[metric][rank_q]) for rank_q in ranks.values() for metric in INTERVALS]
    bounds = iter(bootstrap(np.stack(sums, axis=1), questions_u, seed).tolist())
    return {name: {metric: next(bounds) for metric in INTERVALS} for name in ranks}
