"""How evenly clusters are used."""

import numpy as np
import numpy.typing as npt


def perplexity(counts: npt.ArrayLike) -> float:
    """exp of the entropy of the shares: K when all K clusters are equal, 1 when one holds everything, 0 without counts.

    >>> round(perplexity([5, 5, 5, 5]), 6), perplexity([7, 0, 0])
    (4.0, 1.0)
    """
    values = np.asarray(counts, np.float64)
    used = values[values > 0]
    if len(used) == 0:
        return 0.0
    shares = used / used.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def gini(counts: npt.ArrayLike) -> float:
    """Gini coefficient: 0 when all are equal, near 1 when one holds everything.

    >>> gini([3, 3, 3]), gini([0, 0, 0, 8])
    (0.0, 0.75)
    """
    values = np.sort(np.asarray(counts, np.float64))
    n, total = len(values), values.sum()
    if n == 0 or total == 0:
        return 0.0
    ranks = np.arange(1, n + 1)
    return float((2 * ranks - n - 1) @ values / (n * total))
