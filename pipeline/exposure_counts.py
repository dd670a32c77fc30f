"""What exposures say of items: how often, how lately, and what that makes of popularity."""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Doubles, Ints
from pipeline.changes import Changes
from pipeline.columns import Columns
from pipeline.config import ModelConfig
from pipeline.intervals import ExactIntervals
from pipeline.popularity import Popularity
from pipeline.statistics import TABLE, ItemStatistics

SCORES = "popularity.scores"
MEMORY = 20_000  # events over which half-lives are compared
MARGIN = 0.01  # mean log-likelihood by which another half-life must be better


class ExposureCounts:
    """Intervals, popularity and present codes of the items exposed so far.

    Interval and popularity are read as of before a batch for its loss, and updated by it afterwards.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.popularity = Popularity(config.half_lives, config.initial_count)
        self._items = ItemStatistics(len(config.half_lives))
        self._intervals = ExactIntervals(config.interval_rate, config.interval_max)

    def __len__(self) -> int:
        """Items exposed so far and not forgotten."""
        return len(self._items)

    def names(self) -> list[str]:
        """Their ids, sorted."""
        return sorted(self._items.ids.names(self._items.ids.used()))

    def log_counts(self, ids: Sequence[str], clock: float) -> Doubles:
        """Forward-decayed log counts of items, (n, H); of those never exposed the initial ones."""
        return self.popularity.read(self._items.log_counts(self._items.ids.find(ids)), clock)

    def codes(self, ids: Sequence[str]) -> Ints:
        """Codes the items had in the last step they were in, -1 for none."""
        return self._items.codes(self._items.ids.find(ids))

    def put_codes(self, ids: Sequence[str], codes_n: Ints) -> None:
        """Set present codes."""
        self._items.put_codes(self._items.ids.find(ids), codes_n)

    def intervals(self, ids: Sequence[str]) -> Doubles:
        """δ of exposed items in batches, (n,)."""
        return self._items.intervals(self._items.ids.find(ids))[:, 1]

    def update(self, columns: Columns, clock: float, items: int) -> None:
        """Count the exposures of one batch.

        Args:
            columns: its items.
            clock: training events before it.
            items: size of the catalogue, for the interval of an item seen first.
        """
        rows = self._items.insert(columns.ids[: columns.n_exposed])
        before, batch = self._items.log_counts(rows), self.config.batch
        intervals = self._intervals.update(self._items.intervals(rows), clock / batch, items / batch)
        self.popularity.choose(before, columns.exposures_e, clock, MEMORY, MARGIN)
        after = self.popularity.update(before, columns.exposures_e, clock + columns.exposures_e.sum())
        self._items.put(rows, intervals, after)

    def expire(self, clock: float) -> None:
        """Forget items last exposed before this clock."""
        self._items.expire(clock / self.config.batch)

    def take_changes(self, state: Changes) -> None:
        """Add the rows changed since the last call."""
        self._items.take_changes(state)

    def restore(self, state: Changes, log_mass_h: Doubles, active: int) -> None:
        """Continue with these rows; mass and choice are parameters, which readers need too."""
        if TABLE in state.rows:
            self._items.restore(*state.rows[TABLE])
        self.popularity.scores = np.array(state.dense[SCORES], np.float64)
        self.popularity.log_mass = log_mass_h.copy()
        self.popularity.active = active
