"""Ranks of targets by counting what scores higher: nothing is sorted. Ties go to the lower item number."""

from typing import Any, Final

import numpy as np

from benchmarks.arms.base import MISSED, K
from benchmarks.seen import Seen
from pipeline.arrays import Floats, Ints, Longs
from pipeline.native import native

SHOWN: Final = 8
"""Questions a micro-batch whose first K items are looked at, to see which items are ever shown."""


def ranks_of_all(scores_qn: Floats, targets_q: Ints, seen: Seen, begin: int) -> Ints:
    """Rank of each target among all items that its user has not seen, `MISSED` from K on, (Q,).

    Args:
        scores_qn: a block of questions, from number `begin` on.
        targets_q: of all questions.
        seen: of all questions.
        begin: the block's first question.
    """
    end = begin + len(scores_qn)
    ranks = np.full(len(scores_qn), MISSED, np.int32)
    marks = np.zeros(scores_qn.shape[1], np.uint8)
    _rank_all(
        scores_qn, targets_q[begin:end], seen.items_s, seen.begin_q[begin:end], seen.end_q[begin:end], marks, ranks
    )
    return ranks


def ranks_within(rows_qm: Ints, scores_qm: Floats, targets_q: Ints, budget: int) -> Ints:
    """Rank of each target among the first `budget` candidates of its question, (Q,).

    Args:
        rows_qm: candidates in the order in which the index gave them, -1 where there are no more.
        scores_qm: by which they are ranked.
        targets_q: item numbers.
        budget: candidates looked at.
    """
    ranks = np.full(len(rows_qm), MISSED, np.int32)
    _rank_within(rows_qm, scores_qm, targets_q, budget, ranks)
    return ranks


def places_in_order(rows_qm: Ints, targets_q: Ints, budget: int) -> Ints:
    """Place of each target in the index's own order, `MISSED` from K or the budget on, (Q,)."""
    found_qm = rows_qm[:, : min(budget, K)] == targets_q[:, None]
    places: Ints = np.where(found_qm.any(axis=1), found_qm.argmax(axis=1), MISSED).astype(np.int32)
    return places


def ranks_by_place(place_n: Ints, targets_q: Ints, seen: Seen, first: Seen) -> Ints:
    """Rank of each target behind some items of its user, in one order for everybody, without what was seen, (Q,).

    Args:
        place_n: place of each item in the order.
        targets_q: item numbers.
        seen: of the questions.
        first: items that come before all others, each once, the best first; none of them seen, all of them known.
    """
    ranks = np.full(len(targets_q), MISSED, np.int32)
    _rank_by_place(
        place_n, targets_q, seen.items_s, seen.begin_q, seen.end_q, first.items_s, first.begin_q, first.end_q,
        np.zeros(len(place_n), np.uint8), ranks,
    )  # fmt: skip
    return ranks


def first_unseen(order_n: Longs, seen: Seen, first: Seen, questions: int) -> Ints:
    """The first K of the same order for each of the first questions' users, (questions, K); -1 beyond."""
    tops = np.full((questions, K), MISSED, np.int32)
    marks = np.zeros(len(order_n), np.bool_)
    _first_unseen(
        order_n, seen.items_s, seen.begin_q, seen.end_q, first.items_s, first.begin_q, first.end_q, marks, tops
    )
    return tops


def best_of_all(scores_qn: Floats, seen: Seen, begin: int = 0) -> Ints:
    """The first K items that each user has not seen, best first, (Q, K); -1 where there are fewer."""
    scores = scores_qn.copy()
    for place in range(len(scores)):
        scores[place, seen[begin + place]] = -np.inf
    rows = np.broadcast_to(np.arange(scores.shape[1], dtype=np.int32), scores.shape)
    return best_of(rows, scores)


def best_of(rows_qm: Ints, scores_qm: Floats) -> Ints:
    """The K best candidates of each question, best first, (Q, K); -1 where there are fewer."""
    tops = np.full((len(rows_qm), K), MISSED, np.int32)
    for rows, scores, top in zip(rows_qm, scores_qm, tops, strict=True):
        kept = np.flatnonzero((rows >= 0) & (scores > -np.inf))
        if len(kept) > K:
            threshold = np.partition(scores[kept], len(kept) - K)[len(kept) - K]
            kept = kept[scores[kept] >= threshold]
        best = kept[np.lexsort((rows[kept], -scores[kept]))][:K]
        top[: len(best)] = rows[best]
    return tops


@native
def _seen_ahead(scores: Any, target: int, seen: Ints, marks: Any) -> tuple[int, bool]:
    """How many known seen items, each once, come before the target, and whether the target is one of them."""
    score, ahead, hidden = scores[target], 0, False
    for row in seen:
        if row < scores.size and marks[row] == 0:
            marks[row] = 1
            hidden = hidden or row == target
            ahead += scores[row] > score or (scores[row] == score and row < target)
    for row in seen:
        if row < scores.size:
            marks[row] = 0
    return ahead, hidden


@native
def _rank_all(
    scores_qn: Floats, targets_q: Ints, seen_s: Ints, begin_q: Longs, end_q: Longs, marks: Any, ranks_q: Ints
) -> None:
    n = scores_qn.shape[1]
    for q in range(scores_qn.shape[0]):
        target = targets_q[q]
        if target < 0 or target >= n:
            continue
        scores = scores_qn[q]
        score = scores[target]
        above = 0
        for i in range(target):
            above += scores[i] >= score
        for i in range(target + 1, n):
            above += scores[i] > score
        ahead, hidden = _seen_ahead(scores, target, seen_s[begin_q[q] : end_q[q]], marks)
        if not hidden and above - ahead < K:
            ranks_q[q] = above - ahead


@native
def _rank_by_place(
    place_n: Ints, targets_q: Ints, seen_s: Ints, begin_q: Longs, end_q: Longs,
    first_s: Ints, first_begin_q: Longs, first_end_q: Longs, marks: Any, ranks_q: Ints,
) -> None:  # fmt: skip
    n, falling = place_n.size, -place_n
    for q in range(targets_q.size):
        target = targets_q[q]
        if target < 0 or target >= n:
            continue
        first = first_s[first_begin_q[q] : first_end_q[q]]
        twice, own = _seen_ahead(falling, target, first, marks)
        ahead, hidden = _seen_ahead(falling, target, seen_s[begin_q[q] : end_q[q]], marks)
        rank = first.size + place_n[target] - twice - ahead
        if own:
            rank = 0
            while first[rank] != target:
                rank += 1
        if not hidden and rank < K:
            ranks_q[q] = rank


@native
def _first_unseen(
    order_n: Longs, seen_s: Ints, begin_q: Longs, end_q: Longs,
    first_s: Ints, first_begin_q: Longs, first_end_q: Longs, marks: Any, tops_qk: Ints,
) -> None:  # fmt: skip
    for q in range(tops_qk.shape[0]):
        marks[:] = False
        for row in seen_s[begin_q[q] : end_q[q]]:
            if row < marks.size:
                marks[row] = True
        at = 0
        for row in first_s[first_begin_q[q] : first_end_q[q]]:
            marks[row] = True
            if at < tops_qk.shape[1]:
                tops_qk[q, at] = row
                at += 1
        for row in order_n:
            if at == tops_qk.shape[1]:
                break
            if not marks[row]:
                tops_qk[q, at] = row
                at += 1


@native
def _rank_within(rows_qm: Ints, scores_qm: Floats, targets_q: Ints, budget: int, ranks_q: Ints) -> None:
    most = min(budget, rows_qm.shape[1])
    for q in range(rows_qm.shape[0]):
        target, place = targets_q[q], -1
        for m in range(most):
            if rows_qm[q, m] == target:
                place = m
                break
        if target < 0 or place < 0:
            continue
        score, above = scores_qm[q, place], 0
        for m in range(most):
            above += scores_qm[q, m] > score or (scores_qm[q, m] == score and rows_qm[q, m] < target)
        if above < K:
            ranks_q[q] = above
