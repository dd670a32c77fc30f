"""How the codebook is used: sizes and balance, how much moves, what is not where it belongs, and a map."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.arrays import Doubles, Floats, Ints
from pipeline.balance import gini, perplexity

PER_EVENTS = 10_000
WINDOWS = 20


class CodeStatistics:
    """Follows the filing of items over a run.

    >>> statistics = CodeStatistics(events=1000)
    >>> statistics.refreshed(np.array([0, 0, 1]), np.array([0, 1, 1]), event=500)
    >>> summary = statistics.summary(np.eye(3, 2, dtype=np.float32), np.array([0, 1, 1]), np.array([5, 5, 0]))
    >>> summary["used"], round(summary["perplexity_items"], 3), round(summary["misplaced"], 3)
    (2, 1.89, 0.333)
    """

    def __init__(self, events: int) -> None:
        """`events` is the length of the interactions."""
        self.events = events
        self._since: int | None = None  # event from which items are filed at all
        self._until = 0
        self._refiled = 0.0
        self._checked = 0
        self._moved = 0
        self._over_time: dict[int, dict[str, float]] = {}

    def refreshed(self, before_n: Ints, after_n: Ints, event: int, checked: Sequence[int] | None = None) -> None:
        """Count one refresh of the vectors: where each item known was filed until now, and where it is from now on.

        An item filed for the first time has not moved.

        Args:
            before_n, after_n: codes, -1 for unfiled; items not refreshed have the same in both.
            event: position in the interactions.
            checked: items refreshed; None: all. For the share of misplaced items to be right in a large catalogue,
                give only those whose turn it was, not those just exposed.
        """
        filed_n = before_n >= 0
        moved_n = filed_n & (before_n != after_n)
        if self._since is None:
            if not (after_n >= 0).any():
                return
            self._since = event
        self._until = event
        self._refiled += float(moved_n.sum() / max(len(before_n), 1))
        rows = slice(None) if checked is None else np.asarray(checked, np.int64)
        self._checked += int(filed_n[rows].sum())
        self._moved += int(moved_n[rows].sum())
        window = event * WINDOWS // max(self.events, 1)
        if window not in self._over_time:
            sizes = np.bincount(after_n[after_n >= 0])
            self._over_time[window] = {
                "event": event, "used": int((sizes > 0).sum()), "perplexity_items": perplexity(sizes)
            }  # fmt: skip

    def summary(
        self, codes_kd: Floats | None, code_n: Ints, exposures_n: npt.NDArray[np.integer] | Doubles
    ) -> dict[str, Any]:
        """The codebook at the end, and what happened on the way.

        Args:
            codes_kd: the codebook, None if it never started.
            code_n: code of each item known, -1 for unfiled.
            exposures_n: exposures of each.
        """
        total = 0 if codes_kd is None else len(codes_kd)
        filed = code_n >= 0
        sizes_k = np.bincount(code_n[filed], minlength=total)
        exposures_k = np.bincount(code_n[filed], exposures_n[filed], minlength=total)
        map_k2 = np.zeros((0, 2)) if codes_kd is None else plane(codes_kd)
        return {
            "total": total,
            "used": int((sizes_k > 0).sum()),
            "perplexity_items": perplexity(sizes_k),
            "perplexity_exposures": perplexity(exposures_k),
            "gini_items": gini(sizes_k),
            "gini_exposures": gini(exposures_k),
            "largest_over_mean": float(sizes_k.max() / sizes_k.mean()) if sizes_k.any() else 0.0,
            "churn": self._churn(),
            "misplaced": self._moved / max(self._checked, 1),
            "sizes": sizes_k.tolist(),
            "map": [
                [float(x), float(y), int(items), float(exposures)]
                for (x, y), items, exposures in zip(map_k2, sizes_k, exposures_k, strict=True)
            ],
            "over_time": list(self._over_time.values()),
        }

    def _churn(self) -> float:
        """Share of the items known that are refiled every 10,000 events."""
        followed = 0 if self._since is None else self._until - self._since
        return self._refiled * PER_EVENTS / followed if followed else 0.0


def plane(codes_kd: Floats) -> Doubles:
    """The codes on their two principal axes, (K, 2); each axis points where its largest component is positive.

    >>> plane(np.array([[0.0, 3.0, 0.0], [0.0, -3.0, 0.0], [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])).round(6).tolist()
    [[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    """
    centred_kd = codes_kd.astype(np.float64) - codes_kd.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(centred_kd, full_matrices=False)
    axes = axes[:2]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    result = np.zeros((len(codes_kd), 2))
    result[:, : len(axes)] = centred_kd @ (axes * signs[:, None]).T
    return result
