"""The indexer's replica of the model: follows versions, places items. Plain and synchronous; one thread at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.arrays import Floats, Ints
from pipeline.model import Model, ModelSide
from schemas.parameters import Commit
from schemas.versions import Version, Versions

Features = Mapping[str, Any]
ParameterRecords = Sequence[tuple[bytes | None, bytes | None]]
NOWHERE = -1
ITEM_SIDE: tuple[ModelSide] = ("item",)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where one version files items. Without a version yet: nowhere, by version 0, with no tasks.

    Attributes:
        version: the model's.
        clusters_n: cluster of each item, -1 while there is no codebook.
        bias_nt: bias a task.
    """

    version: int
    clusters_n: Ints
    bias_nt: Floats


class Replica:
    """The model of the last whole version.

    Attributes:
        commit: of that version, None before the first.
    """

    def __init__(self) -> None:
        self.commit: Commit | None = None
        self._versions = Versions()
        self._model: Model | None = None
        self._anew = True

    @property
    def anew(self) -> bool:
        """Whether the next version is a whole model, be it the first one or one of another configuration."""
        return self._anew

    @property
    def files(self) -> bool:
        """Whether there is a codebook to file items under."""
        return self._model is not None and self._model.codebook.n_codes > 0

    def feed(self, records: ParameterRecords, *, complete: bool) -> bool:
        """Follow the topic `parameters`; False if it has to be read again from its beginning.

        That is so when the configuration changed: the version that says so holds only what else changed with it.

        Raises:
            FormatError: the records are not a trainer's.
        """
        version = self._versions.feed(records, complete=complete)
        if version is None:
            return True
        if not self._anew and self._model is not None and version.config != self._model.config:
            return False
        self._apply(version)
        return True

    def read_again(self) -> None:
        """The topic comes from its beginning next. The old version stays in use until the new one is whole."""
        self._versions, self._anew = Versions(), True

    def place(self, ids: Sequence[str], features: Sequence[Features], present: Iterable[int]) -> Placed:
        """File items; `present` is the cluster that each has now, -1 for none."""
        if self._model is None or self.commit is None:
            nothing = np.zeros((len(ids), 0), np.float32)
            return Placed(0, np.full(len(ids), NOWHERE, np.int32), nothing)
        model = self._model
        present_n = np.fromiter(present, np.int32, len(ids))
        present_n[present_n >= model.codebook.n_codes] = NOWHERE  # of an earlier, larger codebook
        vectors = model.items(ids, features)
        clusters = model.assign(vectors.v_nd, present_n)
        return Placed(self.commit.version, clusters, vectors.bias_nt)

    def _apply(self, version: Version) -> None:
        if self._anew or self._model is None:
            # Candidates are checked before the configuration is known: a wrong type may not stop the partition.
            model = Model(version.config, sides=ITEM_SIDE, strict=False)
            model.apply(version.changes)
            self._model, self._anew = model, False
        else:
            self._model.apply(version.changes)
        self.commit = version.commit
