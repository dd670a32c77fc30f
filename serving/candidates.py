"""The index step, and what the history adds to it: which items go to the ranker."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Doubles, Floats, Longs
from pipeline.best_of import best_of, cheaper
from pipeline.merge import Merged, merge
from serving.allowed import Allowed
from serving.items import Items


class Candidates(NamedTuple):
    """Distinct slots.

    Attributes:
        rows_n: what goes to the ranker.
        merged_m: what the index put out, best first as far as it knows; nothing when it was not asked.
        coarse_m: the coarse score each of those came with.
    """

    rows_n: Longs
    merged_m: Longs
    coarse_m: Doubles


def best_by_index(
    items: Items, coarse_tk: Floats, weights_t: Doubles, allowed: Allowed, n: int, chunk: int
) -> Candidates:
    """At most `n` items by cluster score + key, an equal share for every task that counts.

    Args:
        items: the index.
        coarse_tk: (T, K) scores of the clusters.
        weights_t: tasks with weight 0 or less have no share.
        allowed: which slots may come out; where those are few they are looked at one by one.
        n: N.
        chunk: see `pipeline.merge`.
    """
    mask_n = allowed.mask_n
    if mask_n is not None and cheaper(allowed.matching, n, len(items)):
        return best_among(items, coarse_tk, weights_t, np.flatnonzero(mask_n & items.shown_n), n)
    mask = None if mask_n is None else mask_n.view(np.uint8)
    return _in_turn(
        [merge(items.postings, _list_scores(items, coarse_tk[t]), t, n, chunk, mask) for t in _counting(weights_t)],
        n,
    )


def best_among(items: Items, coarse_tk: Floats, weights_t: Doubles, rows_m: Longs, n: int) -> Candidates:
    """The same of some retrievable slots only."""
    return _in_turn(
        [best_of(items.postings, _list_scores(items, coarse_tk[t]), t, rows_m, n) for t in _counting(weights_t)],
        n,
    )


def with_own(items: Items, candidates: Candidates, own_r: Longs, allowed: Allowed, n: int) -> Candidates:
    """The same behind items of the user's own history: what is retrievable of those comes first, within the same N.

    Args:
        items: the index.
        candidates: what the index says.
        own_r: distinct slots, the likeliest to be kept first.
        allowed: which slots may come out.
        n: N.
    """
    kept = allowed.of(own_r[items.shown(own_r)])
    if not len(kept):
        return candidates
    others = candidates.rows_n[~np.isin(candidates.rows_n, kept)]
    return candidates._replace(rows_n=np.concatenate((kept, others))[:n])


def all_items(items: Items, allowed: Allowed) -> Candidates:
    """Every item that may come out."""
    shown_n = items.shown_n
    rows = np.flatnonzero(shown_n if allowed.mask_n is None else shown_n & allowed.mask_n)
    return Candidates(rows, np.zeros(0, np.int64), np.zeros(0))


def _counting(weights_t: Doubles) -> list[int]:
    return np.flatnonzero(weights_t > 0).tolist()


def _list_scores(items: Items, coarse_k: Floats) -> Doubles:
    # Items without a code, and codes of a version not read yet, count like the best cluster: there are few of either,
    # or, just after the codebook started, nearly all, and then it is popularity that must choose among them.
    unknown = coarse_k.max() if len(coarse_k) else 0.0
    scores = np.full(items.postings.n_clusters + 1, unknown, np.float64)
    scores[1 : len(coarse_k) + 1] = coarse_k
    return scores


def _in_turn(merged: Sequence[Merged], n: int) -> Candidates:
    """The first `n` distinct slots when the tasks put out one each in turn."""
    if len(merged) == 1:
        only = merged[0].rows_n.astype(np.int64)
        return Candidates(only, only, merged[0].scores_n)
    rows = np.stack([m.rows_n for m in merged], axis=1).ravel().astype(np.int64)
    scores = np.stack([m.scores_n for m in merged], axis=1).ravel()
    first = np.sort(np.unique(rows, return_index=True)[1])[:n]
    return Candidates(rows[first], rows[first], scores[first])
