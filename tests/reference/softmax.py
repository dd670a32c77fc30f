"""The corrected in-batch softmax, one row and one column at a time, with every draw as a column of its own."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray


def loss(
    users_bd: NDArray[np.float64],
    vectors: dict[str, NDArray[np.float64]],
    bias: dict[str, float],
    prior: dict[str, float],
    log_q: dict[str, float],
    user_ids: Sequence[str],
    item_ids: Sequence[str],
    uniform_ids: Sequence[str],
    rewards_b: Sequence[float],
    bonus: Callable[[int, str], float],
    cluster: Callable[[str], object] = lambda item: item,
) -> float:
    """What shares the row's user or the cluster of its item is no negative."""
    taken = {user: {item for u, item in zip(user_ids, item_ids, strict=True) if u == user} for user in user_ids}
    total = 0.0
    rows = zip(user_ids, item_ids, users_bd, rewards_b, strict=True)
    for row, (user, own, u, reward) in enumerate(rows):
        if reward <= 0:
            continue

        def logit(item: str, u: NDArray[np.float64] = u, row: int = row) -> float:
            return float(u @ vectors[item]) + bias[item] + bonus(row, item) + prior[item] - log_q[item]

        drawn = [*item_ids, *uniform_ids]
        negatives = [item for item in drawn if cluster(item) != cluster(own) and item not in taken[user]]
        logits = [logit(own), *map(logit, negatives)]
        total += reward * (math.log(sum(math.exp(value) for value in logits)) - logits[0])
    return total


def log_q(share: dict[str, float], items: set[str], n_exposed: int, n_uniform: int) -> dict[str, float]:
    """`items` are those that can be drawn uniformly."""
    draws = n_exposed + n_uniform
    return {
        item: math.log(p * n_exposed / draws + (n_uniform / draws / len(items) if item in items else 0.0))
        for item, p in share.items()
    }
