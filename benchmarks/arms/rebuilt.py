"""Indexes over vectors that are rebuilt every period, alone and with what practice puts beside them."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import faiss
import numpy as np

from benchmarks.arms.base import Answer, Cost, K, Moment, Questions
from benchmarks.arms.exact import blocks
from benchmarks.arms.snapshots import Part, Snapshot, Snapshots
from benchmarks.interactions import Interactions
from benchmarks.ranks import SHOWN, best_of, ranks_within
from benchmarks.scoring import Scorer
from benchmarks.seen import Seen
from pipeline.arrays import Floats, Ints, Longs
from pipeline.native import native

SHARE: Final = 0.1
FEWEST: Final = 200
MOST: Final = 500
"""Candidates of a large catalogue, seen items aside: what is found is in order, and only the first K are answered."""
STEP: Final = 1.25  # questions that need about as many candidates are searched together
BRUTE_SHARE: Final = 0.125
"""A question that needs more candidates than this share of the catalogue, because its user has seen so much, has
everything scored: vector databases do so when a filter leaves little, and nothing finds more."""
CHECKED: Final = 16  # questions after a rebuild on which its recall is measured


class Index(Protocol):
    """Items by inner product."""

    def search(self, queries_qd: Floats, k: int) -> tuple[Ints, float]:
        """The k best items of each query in falling order, -1 beyond, (Q, k); and items scored a query."""


class Rebuilt:
    """Answers from an index of the latest snapshot.

    `NAME` knows no more than at its latest rebuild; `NAME+buffer` also scores all items published since, and everything
    by the popularity of now. The rebuilds within one micro-batch differ by a few items, so that only the last of them
    is carried out, and its measured cost counts for each.
    """

    def __init__(self, name: str, build: Callable[[Floats], Index], snapshots: Snapshots, suffix: str = "") -> None:
        """`build` makes the index of vectors (N, d + 1); `suffix` ends the names of the answers."""
        self.cost = Cost()
        self._names = (f"{name}{suffix}", f"{name}+buffer{suffix}")
        self._build, self._snapshots = build, snapshots
        self._index: Index
        self._of: Snapshot | None = None
        self._vectors: Floats = np.zeros((0, 0), np.float32)
        self._recalls: list[float] = []

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        """`NAME` and `NAME+buffer`."""
        shared = self._snapshots.seconds
        answers = [self._answered(part, moment) for part in self._snapshots.parts(moment, questions)]
        self._follow(self._snapshots.latest)  # where no question comes after it
        self.cost.query_s -= self._snapshots.seconds - shared  # the replay charges it to the first that asks
        return {name: joined([pair[at] for pair in answers]) for at, name in enumerate(self._names)}

    def _answered(self, part: Part, moment: Moment) -> tuple[Answer, Answer]:
        questions, known, held = part.questions, part.known_q, part.snapshot.n_items
        queries = user_vectors(part.then)
        if self._follow(part.snapshot):
            self._check(self._index, queries[:CHECKED])
        found, scored = candidates(self._index, self._vectors, queries, questions.seen.joined_unknown(known, held))
        late = np.arange(known.min(), moment.n_items, dtype=np.int32)
        buffered = np.hstack((found, np.where(late >= known[:, None], late, -1)))
        leave_out(buffered, questions.seen, moment.n_items)
        return (
            rescored(part.then, found, questions, scored),
            rescored(part.live, buffered, questions, scored + float(np.mean(questions.known_q - known))),
        )

    def learned(self, set_: Interactions, start: int, end: int) -> None:
        """Nothing to do until the next rebuild."""

    def _follow(self, snapshot: Snapshot) -> bool:
        """Have the index of a snapshot; whether it is new."""
        if self._of is snapshot:
            return False
        begin, rebuilds = time.perf_counter(), self._snapshots.rebuilds
        self._vectors = item_vectors(snapshot)
        self._index, self._of = self._build(self._vectors), snapshot
        spent = time.perf_counter() - begin
        self.cost.builds += 1
        self.cost.build_s += spent
        self.cost.rebuilds += rebuilds
        self.cost.rebuilds_s += rebuilds * spent
        return True

    def _check(self, index: Index, queries_qd: Floats) -> None:
        """Note how much of the exact answers the index finds, at no cost of its own: a bad rival proves nothing."""
        begin = time.perf_counter()
        k = min(K, len(self._vectors))
        found, _ = index.search(queries_qd, k)
        exact = brute_force(self._vectors, queries_qd, k)
        self._recalls.append(float(np.mean([np.isin(*rows).mean() for rows in zip(exact, found, strict=True)])))
        self.cost.notes["recall@100"] = float(np.mean(self._recalls))
        self.cost.query_s -= time.perf_counter() - begin


def item_vectors(snapshot: Snapshot) -> Floats:
    """(v, static less its mean), (N, d + 1): the inner product with (u, 1) orders as the scores do.

    Less the mean, because the level of log p would otherwise outweigh all that tells items apart.
    """
    static = snapshot.static_n - snapshot.static_n.mean()
    return np.ascontiguousarray(np.column_stack((snapshot.v_nd, static)), np.float32)


def user_vectors(scorer: Scorer) -> Floats:
    """(u, 1), (Q, d + 1)."""
    return np.ascontiguousarray(np.column_stack((scorer.u_qd, np.ones(len(scorer.u_qd), np.float32))))


def brute_force(vectors_nd: Floats, queries_qd: Floats, k: int) -> Ints:
    """The k best of all items in falling order, (Q, k)."""
    _, rows = faiss.knn(queries_qd, vectors_nd, k, metric=faiss.METRIC_INNER_PRODUCT)
    found: Ints = rows.astype(np.int32)
    return found


def candidates(index: Index, vectors_nd: Floats, queries_qd: Floats, seen: Seen) -> tuple[Ints, float]:
    """What the index finds for each question without what its user has seen, (Q, M); and items scored a question.

    At least `FEWEST` that are not seen are found, or all there are.
    """
    n, least = len(vectors_nd), budget(len(vectors_nd))
    needed = np.minimum(np.maximum(least, FEWEST + seen.below(n)), n)
    filtered = needed > max(BRUTE_SHARE * n, least)
    found = np.full((len(queries_qd), int(needed[~filtered].max(initial=least))), -1, np.int32)
    total = float(n * filtered.sum())
    for chosen, k in _groups(needed, np.flatnonzero(~filtered)):
        rows, scored = index.search(queries_qd[chosen], k)
        found[chosen, :k] = np.where(np.arange(k) < needed[chosen, None], rows, -1)  # no more than each one's own
        total += scored * len(chosen)
    for begin, end in blocks(int(filtered.sum()), n):
        chosen = np.flatnonzero(filtered)[begin:end]
        found[chosen, :least] = _best_unseen(vectors_nd, queries_qd, seen, chosen, least)
    leave_out(found, seen, n)
    return found, total / max(len(queries_qd), 1)


def joined(answers: Sequence[Answer]) -> Answer:
    """One answer to the questions of several, in their order."""
    if len(answers) == 1:
        return answers[0]
    sizes = [len(answer.rank_q) for answer in answers]
    return Answer(
        np.concatenate([answer.rank_q for answer in answers]),
        np.concatenate([answer.top_sk for answer in answers])[:SHOWN],
        float(np.average([answer.scored for answer in answers], weights=sizes)),
    )


def leave_out(rows_qm: Ints, seen: Seen, items: int) -> None:
    """Put -1 where a candidate is one that its user has seen."""
    _leave_out(rows_qm, seen.items_s, seen.begin_q, seen.end_q, np.zeros(items, np.uint8))


def rescored(scorer: Scorer, rows_qm: Ints, questions: Questions, scored: float) -> Answer:
    """Rank candidates by their scores; the one place where any arm of this kind does."""
    ranks, tops = np.empty(len(questions), np.int32), np.zeros((0, K), np.int32)
    for begin, end in blocks(len(questions), rows_qm.shape[1]):
        rows = rows_qm[begin:end]
        own = scorer.own.block(begin, end)
        room = np.full((len(rows), own.most), -1, np.int32)
        rows = own.first(np.hstack((rows, room)), len(scorer.v_nd))
        scores = scorer.of(begin, rows)
        ranks[begin:end] = ranks_within(rows, scores, questions.target_q[begin:end], rows.shape[1])
        if begin == 0:
            tops = best_of(rows[:SHOWN], scores[:SHOWN])
    return Answer(ranks, tops, scored)


def budget(items: int) -> int:
    """Candidates of a question by a user who has seen nothing."""
    return min(max(FEWEST, min(round(SHARE * items), MOST)), items)


def _best_unseen(vectors_nd: Floats, queries_qd: Floats, seen: Seen, chosen: Longs, k: int) -> Ints:
    """The k best unseen items of each user, in no order, (len(chosen), k); seen ones for want of others."""
    n, scores = len(vectors_nd), queries_qd[chosen] @ vectors_nd.T
    for place, question in enumerate(chosen.tolist()):
        hidden = seen.items_s[seen.begin_q[question] : seen.end_q[question]]
        scores[place, hidden[hidden < n]] = -np.inf
    best: Ints = np.argpartition(scores, n - k, axis=1)[:, n - k :].astype(np.int32)
    return best


def _groups(needed_q: Longs, among: Longs) -> Iterator[tuple[Longs, int]]:
    """Questions among these that need about as many candidates, and how many that is."""
    steps = np.ceil(np.log(needed_q[among]) / np.log(STEP))
    for step in np.unique(steps).tolist():
        chosen = among[steps == step]
        yield chosen, int(needed_q[chosen].max())


@native
def _leave_out(rows_qm: Ints, seen_s: Ints, begin_q: Longs, end_q: Longs, marks: Any) -> None:
    for q in range(rows_qm.shape[0]):
        for s in range(begin_q[q], end_q[q]):
            if seen_s[s] < marks.size:
                marks[seen_s[s]] = 1
        for m in range(rows_qm.shape[1]):
            row = rows_qm[q, m]
            if row >= 0 and marks[row] == 1:
                rows_qm[q, m] = -1
        for s in range(begin_q[q], end_q[q]):
            if seen_s[s] < marks.size:
                marks[seen_s[s]] = 0
