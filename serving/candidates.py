"""The index step, and what the history adds to it: which items go to the ranker."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Doubles, Floats, Longs
from pipeline.merge import Mask, Merged, merge
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
    items: Items, coarse_tk: Floats, weights_t: Doubles, excluded: Longs, n: int, chunk: int
) -> Candidates:
    """At most `n` items by cluster score + key, an equal share for every task that counts.

    Args:
        items: the index.
        coarse_tk: (T, K) scores of the clusters.
        weights_t: tasks with weight 0 or less have no share.
        excluded: slots that must not come out.
        n: N.
        chunk: see `pipeline.merge`.
    """
    counting = np.flatnonzero(weights_t > 0).tolist()
    mask = _mask(items, excluded)
    merged = [merge(items.postings, _list_scores(items, coarse_tk[t]), t, n, chunk, mask) for t in counting]
    if len(merged) == 1:
        rows = merged[0].rows_n.astype(np.int64)
        return Candidates(rows, rows, merged[0].scores_n)
    return _in_turn(merged, n)


def with_own(items: Items, candidates: Candidates, own_r: Longs, excluded: Longs, n: int) -> Candidates:
    """The same behind items of the user's own history: what is retrievable of those comes first, within the same N.

    Args:
        items: the index.
        candidates: what the index says.
        own_r: distinct slots, the likeliest to be kept first.
        excluded: slots that must not come out.
        n: N.
    """
    kept = own_r[items.shown(own_r) & ~np.isin(own_r, excluded)]
    if not len(kept):
        return candidates
    others = candidates.rows_n[~np.isin(candidates.rows_n, kept)]
    return candidates._replace(rows_n=np.concatenate((kept, others))[:n])


def all_items(items: Items, excluded: Longs) -> Candidates:
    """Every item but the excluded ones."""
    rows = np.setdiff1d(items.retrievable(), excluded, assume_unique=True)
    return Candidates(rows, np.zeros(0, np.int64), np.zeros(0))


def _list_scores(items: Items, coarse_k: Floats) -> Doubles:
    # Items without a code, and codes of a version not read yet, count like the best cluster: there are few of either,
    # or, just after the codebook started, nearly all, and then it is popularity that must choose among them.
    unknown = coarse_k.max() if len(coarse_k) else 0.0
    scores = np.full(items.postings.n_clusters + 1, unknown, np.float64)
    scores[1 : len(coarse_k) + 1] = coarse_k
    return scores


def _mask(items: Items, excluded: Longs) -> Mask | None:
    if not len(excluded):
        return None
    mask = np.ones(len(items.live_n), np.uint8)
    mask[excluded] = 0
    return mask


def _in_turn(merged: Sequence[Merged], n: int) -> Candidates:
    """The first `n` distinct slots when the tasks put out one each in turn."""
    rows = np.stack([m.rows_n for m in merged], axis=1).ravel().astype(np.int64)
    scores = np.stack([m.scores_n for m in merged], axis=1).ravel()
    first = np.sort(np.unique(rows, return_index=True)[1])[:n]
    return Candidates(rows[first], rows[first], scores[first])
