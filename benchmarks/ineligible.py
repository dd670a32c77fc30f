"""Items that no arm may answer with, at all or yet."""

import numpy as np

from benchmarks.interactions import Interactions
from pipeline.arrays import Bools, Ints, Longs
from pipeline.eligibility import Eligibility
from pipeline.repeats import Repeated


class Ineligible:
    """Numbers of the items that a rule leaves out: by their features once, by their age as time goes on."""

    def __init__(self, set_: Interactions, eligible: Eligibility) -> None:
        self._published_m, self._eligible = set_.published_m, eligible
        items = range(len(set_.items)) if eligible.where else ()
        self._unfit = np.array([not eligible.allows(set_.features_of_item(item)) for item in items], np.bool_)

    def at(self, now_ms: int, n_items: int) -> Ints:
        """Sorted numbers below `n_items`, at a time in ms since 1970."""
        unfit: Bools = self._unfit[:n_items] if len(self._unfit) else np.zeros(n_items, np.bool_)
        oldest = self._eligible.oldest(now_ms)
        if oldest is not None:
            unfit = unfit | (self._published_m[:n_items] < oldest)
        return np.flatnonzero(unfit).astype(np.int32)


def without(repeated: Repeated, items: Ints) -> Repeated:
    """Cells (question, item number) but those of some items."""
    return _kept(repeated, ~np.isin(repeated.columns_r, items)) if len(items) else repeated


def known_only(repeated: Repeated, known_q: Longs) -> Repeated:
    """Cells (question, item number) of items below the number `known_q` of their question."""
    return _kept(repeated, repeated.columns_r < known_q[repeated.rows_r])


def _kept(repeated: Repeated, kept_r: Bools) -> Repeated:
    return Repeated(*(part[kept_r] for part in repeated))
