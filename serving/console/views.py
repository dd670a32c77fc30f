"""What the console shows, out of the replica and what the recorder remembers."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Final

import numpy as np

from pipeline.arrays import Longs
from pipeline.postings import ABSENT
from pipeline.projection import Projected, Projection
from schemas.http_console import (
    ActiveUser,
    ActiveUsers,
    CodebookMap,
    Foresight,
    Immediacy,
    ItemBrief,
    Move,
    Moves,
    Neighbour,
    Series,
    Surroundings,
    title_of,
)
from serving.console.journal import KEPT, Step
from serving.console.recorder import Recorder
from serving.replica import Replica

PROJECT_EVERY_S: Final = 2.0
NEIGHBOURS: Final = 12
SIZE_BINS: Final = 24


class Views:
    """Answers of the console.

    Args:
        replica: what is shown.
        recorder: what it remembers.
    """

    def __init__(self, replica: Replica, recorder: Recorder) -> None:
        self._replica, self._recorder = replica, recorder
        self._projection = Projection()
        self._projected: tuple[float, int, Projected] | None = None

    def series(self, span_s: float, after_ms: int, points: int) -> Series:
        """Numbers over time."""
        return self._recorder.timeline.series(span_s, after_ms, points)

    def immediacy(self) -> Immediacy:
        """How soon events are found."""
        return self._recorder.journal.immediacy()

    def foresight(self) -> Foresight:
        """How often the index knew."""
        return self._recorder.prequential.seen()

    def map(self, limit: int) -> CodebookMap:
        """Where the largest clusters lie."""
        commit, codes = self._replica.commit, self._codes()
        sizes_k = self._replica.items.postings.size_k[1 : codes + 1]
        points = self._points(sizes_k)
        chosen = np.argsort(-sizes_k, kind="stable")[:limit]
        ids = chosen.tolist()
        edges, counts = _histogram(sizes_k)
        return CodebookMap(
            version=commit.version if commit else 0,
            codes=codes,
            shown=len(ids),
            explained=points.explained_2.round(4).tolist(),
            id=ids,
            x=points.points_k2[chosen, 0].round(5).tolist(),
            y=points.points_k2[chosen, 1].round(5).tolist(),
            items=sizes_k[chosen].tolist(),
            exposures=[self._replica.shares.exposures[cluster] for cluster in ids],
            exposures_s=self._recorder.activity.rates(codes)[chosen].round(3).tolist(),
            sizes_from=edges,
            sizes=counts,
        )

    def surroundings(self, cluster: int, limit: int) -> Surroundings | None:
        """A cluster and what is around it; None when there is none of this number."""
        codes = self._codes()
        if not 0 <= cluster < codes:
            return None
        items, rates = self._replica.items, self._recorder.activity.rates(codes)
        best = items.postings.items_of(cluster)[:limit].astype(np.int64)
        return Surroundings(
            id=cluster,
            items=int(items.postings.size_k[cluster + 1]),
            exposures=self._replica.shares.exposures[cluster],
            exposures_s=round(float(rates[cluster]), 3),
            best=self._briefs(best),
            neighbours=self._neighbours(cluster),
            history=self._recorder.activity.history(cluster),
            moves=self._moves(self._recorder.journal.latest(limit, lambda step: cluster in {step.origin, step.to})),
        )

    def moves(self, limit: int, item: str | None = None) -> Moves:
        """The last moves, of all items or of one."""
        journal = self._recorder.journal
        steps = journal.latest(limit, lambda step: item in {None, step.item})
        return Moves(journal.began, KEPT, journal.filed, journal.moved, self._moves(steps))

    def users(self, limit: int) -> ActiveUsers:
        """Users to try a query with."""
        histories = self._replica.histories
        names = list(islice(reversed(self._recorder.users), limit)) or list(islice(histories, limit))
        known = [(name, histories[name]) for name in names if name in histories]
        users = [ActiveUser(name, len(row.items), row.times[-1] if row.times else None) for name, row in known]
        return ActiveUsers(users, len(histories))

    def _codes(self) -> int:
        return self._replica.model.codebook.n_codes if self._replica.model else 0

    def _points(self, sizes_k: Longs) -> Projected:
        """The projection, computed at most every `PROJECT_EVERY_S`."""
        model, commit, now = self._replica.model, self._replica.commit, time.monotonic()
        if model is None or commit is None or model.codebook.codes_kd is None:
            return Projected(np.zeros((0, 2)), np.zeros(2))
        known = self._projected
        due = known is None or now - known[0] > PROJECT_EVERY_S or len(known[2].points_k2) != len(sizes_k)
        if known is None or (due and known[1] != commit.version):
            used = (sizes_k > 0).astype(np.float64)
            known = (now, commit.version, self._projection.project(model.codebook.codes_kd, used))
            self._projected = known
        return known[2]

    def _neighbours(self, cluster: int) -> list[Neighbour]:
        model = self._replica.model
        if model is None or model.codebook.codes_kd is None:
            return []
        codes_kd = model.codebook.codes_kd
        norms_k = np.linalg.norm(codes_kd, axis=1).clip(min=1e-12)
        cosine_k = codes_kd @ codes_kd[cluster] / (norms_k * norms_k[cluster])
        nearest = [k for k in np.argsort(-cosine_k, kind="stable")[: NEIGHBOURS + 1].tolist() if k != cluster]
        rates, sizes = self._recorder.activity.rates(len(codes_kd)), self._replica.items.postings.size_k
        return [
            Neighbour(k, round(float(cosine_k[k]), 4), int(sizes[k + 1]), round(float(rates[k]), 3))
            for k in nearest[:NEIGHBOURS]
        ]

    def _briefs(self, rows_n: Longs) -> list[ItemBrief]:
        items = self._replica.items
        named = zip(
            items.names(rows_n), items.attributes(rows_n), items.index.exposures_n[rows_n].tolist(), strict=True
        )
        return [ItemBrief(name, title_of(attributes), exposures) for name, attributes, exposures in named]

    def _moves(self, steps: Sequence[Step]) -> list[Move]:
        return [
            Move(step.time, step.item, self._title(step.item), _known(step.origin), _known(step.to), step.version)
            for step in steps
        ]

    def _title(self, item: str) -> str | None:
        slot = self._replica.items.find(item)
        return None if slot is None else title_of(self._replica.items.attributes(np.array([slot]))[0])


def _known(cluster: int) -> int | None:
    return None if cluster == ABSENT else cluster


def _histogram(sizes_k: Longs) -> tuple[list[int], list[int]]:
    """Beginnings of the bins, whole numbers of equal width, and how many sizes lie in each."""
    if not len(sizes_k):
        return [], []
    width = max(1, -(-int(sizes_k.max() + 1) // SIZE_BINS))
    counts = np.bincount(sizes_k // width)
    return [width * place for place in range(len(counts))], counts.tolist()
