"""What is added to the logits of a sampled softmax: one correction for how its columns were drawn, and masks."""

import numpy as np
import torch
from torch import Tensor

from pipeline.arrays import Bools, Doubles, Floats, Longs


def mixture_log_q(
    log_share_c: Doubles, items: int, n_exposed: int, n_uniform: int, drawn_c: Bools | None = None
) -> Doubles:
    """log q with q = (n_exposed p + n_uniform / items) / (n_exposed + n_uniform): an item's share of the draws.

    Columns are the exposed items of a batch and items drawn uniformly from the catalogue; over all items q adds up to 1
    when p does.

    Args:
        log_share_c: log p of the columns.
        items: how many can be drawn uniformly.
        n_exposed, n_uniform: draws.
        drawn_c: columns that can be; of others q has the first part only. None: all.
    """
    uniform = n_uniform / max(items, 1) * (1.0 if drawn_c is None else drawn_c)
    with np.errstate(divide="ignore"):
        log_q: Doubles = np.log((n_exposed * np.exp(log_share_c) + uniform) / (n_exposed + n_uniform))
    return log_q


def column_terms(
    prior_c: Doubles, log_q_c: Doubles, counts_c: Longs, own_b: Longs, masked: tuple[Longs, Longs]
) -> Floats:
    """What is added to u·v + bias of each row and column, (B, C).

    A column stands for `counts_c` equal draws, hence + log count; a row's own item counts once. All of one row's other
    columns that belong to its user are -inf.

    Args:
        prior_c: gamma log p, the part of the score that is not learned.
        log_q_c: log-probability of drawing the column.
        counts_c: draws it stands for.
        own_b: column of each row's own item.
        masked: (rows, columns) of other items of the row's user.
    """
    corrected_c = prior_c - log_q_c
    terms = np.broadcast_to((corrected_c + np.log(counts_c)).astype(np.float32), (len(own_b), len(prior_c))).copy()
    terms[masked] = -np.inf
    terms[np.arange(len(own_b)), own_b] = corrected_c[own_b]
    return terms


def same_user_columns(user_ids: list[str], own_b: Longs) -> tuple[Longs, Longs]:
    """(rows, columns) where a column is an item that the row's user has in the batch.

    >>> [pair.tolist() for pair in same_user_columns(["u", "w", "u"], np.array([0, 1, 2]))]
    [[0, 0, 2, 2, 1], [0, 2, 0, 2, 1]]
    """
    numbers: dict[str, int] = {}
    users = np.fromiter((numbers.setdefault(user, len(numbers)) for user in user_ids), np.int64, len(user_ids))
    order = np.argsort(users, kind="stable")
    sizes = np.bincount(users)
    starts = np.cumsum(sizes) - sizes
    repeats = sizes[users[order]]
    rows = np.repeat(order, repeats)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    columns = own_b[order[np.repeat(starts[users[order]], repeats) + within]]
    return rows, columns


def without_own_cluster(terms_rc: Tensor, codes_c: Tensor, own_r: Tensor) -> Tensor:
    """The terms with -inf at the other columns that are filed under the code of a row's own item, (R, C).

    >>> without_own_cluster(torch.zeros(1, 3), torch.tensor([7, 7, 5]), torch.tensor([0])).tolist()
    [[0.0, -inf, 0.0]]
    """
    masked = codes_c[own_r, None] == codes_c
    masked[torch.arange(len(own_r)), own_r] = False
    return terms_rc.masked_fill(masked, -torch.inf)


def straight_through(vectors_nd: Tensor, codes_nd: Tensor) -> Tensor:
    """ẽ = v + sg(e - v): the value of the code, the gradient of the vector."""
    return vectors_nd + (codes_nd - vectors_nd).detach()
