"""The items one batch is contrasted with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.arrays import Longs
from pipeline.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Columns:
    """Distinct items: first those exposed, in the order of the batch, then those drawn uniformly only.

    Attributes:
        ids, features: of each column.
        exposures_e: exposures of each of the first e columns.
        counts_c: draws each column stands for, exposures and uniform ones.
        own_b: column of each row of the batch.
    """

    ids: list[str]
    features: list[Mapping[str, Any]]
    exposures_e: Longs
    counts_c: Longs
    own_b: Longs

    @property
    def n_exposed(self) -> int:
        """Columns that were exposed."""
        return len(self.exposures_e)

    @property
    def drawn_c(self) -> Longs:
        """Uniform draws that each column stands for."""
        drawn = self.counts_c.copy()
        drawn[: self.n_exposed] -= self.exposures_e
        return drawn


def columns_of(
    item_ids: Sequence[str],
    features: Sequence[Mapping[str, Any]],
    catalogue: Catalogue,
    uniform: int,
    rng: np.random.Generator,
) -> Columns:
    """Columns of a batch: its items and `uniform` draws from the catalogue."""
    places: dict[str, int] = {}
    own_b = np.fromiter((places.setdefault(name, len(places)) for name in item_ids), np.int64, len(item_ids))
    exposures = np.bincount(own_b, minlength=len(places))
    latest = dict(zip(item_ids, features, strict=True))
    drawn = catalogue.sample(uniform, rng)
    drawn_places = np.fromiter((places.setdefault(name, len(places)) for name in drawn), np.int64, len(drawn))
    counts = np.bincount(np.concatenate((own_b, drawn_places)), minlength=len(places))
    ids = list(places)
    exposed = len(exposures)
    chosen = [*map(latest.__getitem__, ids[:exposed]), *catalogue.features(ids[exposed:])]
    return Columns(ids, chosen, exposures, counts, own_b)
