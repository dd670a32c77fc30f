"""The attention ranker over a model's shared embeddings: in training, and in answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from pipeline.arrays import Floats, Ints, Longs
from pipeline.changes import Array
from pipeline.gather import Gathered, Use
from pipeline.inputs import SideInputs
from pipeline.rankers.attention import Attending, AttentionNet
from pipeline.rankers.debias import NO_ENTRY, debiased
from pipeline.rankers.ranker import DotRanker, Towers

ClustersOf = Callable[[Longs], Ints]  # rows of the item table -> clusters, -1 for none


class AttentiveRanker:
    """The index's score, corrected by what attention over the history adds.

    Of an item are kept the index's vector v and what it asks the history; of a user u, y, and keys and values of the
    history, in one flat vector.

    Attributes:
        clusters_of: where the items of a history are filed, for its debias; whoever knows sets it.
    """

    def __init__(self, model: Towers) -> None:
        config = model.config
        self.net = cast("AttentionNet", model.towers["ranker"])
        self.item_width, self.cost = config.dim + 2 * config.id_dim, 8
        self.clusters_of: ClustersOf | None = None
        self._model, self._config = model, config
        self._index = DotRanker(model)

    def items(self, side: SideInputs, gathered: Gathered) -> tuple[Tensor, Tensor]:
        """v and what the items ask, (N, d + 2 id_dim), and the index's biases."""
        v, bias = self._index.items(side, gathered)
        return torch.cat([v, self.asking(side, gathered)], dim=1), bias

    def users(self, side: SideInputs, gathered: Gathered) -> Tensor:
        """u, y, keys, values and which of them there are, (B, T d + id_dim + L (2 id_dim + 1))."""
        attending = self.attending(side, gathered)
        parts = (self._index.users(side, gathered), *attending)
        return torch.cat([part.flatten(1).to(torch.float32) for part in parts], dim=1)

    def scores(self, user: Floats, items: tuple[Floats, Floats], prior_n: Floats) -> Floats:
        """The index's score and the correction."""
        config, (vectors, bias_nt) = self._config, items
        n_tasks, dim, width, length = config.n_tasks, config.dim, config.id_dim, config.rank_history
        sizes = (n_tasks * dim, width, length * width, length * width, length)
        u, y, keys, values, known = np.split(user, np.cumsum(sizes)[:-1])
        match_nt = vectors[:, :dim] @ u.reshape(n_tasks, dim).T
        index_nf = np.concatenate((match_nt, bias_nt, prior_n[:, None]), axis=1)
        parts = (y, keys.reshape(length, width), values.reshape(length, width), known > 0)
        attending = Attending(*(self._tensor(part)[None] for part in parts))
        asking, index = self._tensor(vectors[:, dim:])[None], self._tensor(index_nf)[None]
        with torch.no_grad():
            corrections_nt = self.net.forward(asking, attending, index)[0].cpu().numpy()
        scores: Floats = (match_nt + bias_nt + prior_n[:, None] + corrections_nt).T
        return scores

    def asking(self, side: SideInputs, gathered: Gathered) -> Tensor:
        """What items ask the history, (N, 2 id_dim)."""
        return self.net.asking(gathered.inputs(side.uses, side.numbers_nm), gathered.pooled(side.uses[0]))

    def attending(self, side: SideInputs, gathered: Gathered) -> Attending:
        """Users, with the latest of their history that the ranker reads."""
        (use,) = side.attended
        ids = gathered.leaves[use.table][:, : use.dim]
        places_bl, known_bl = self._latest(use, gathered.places(use), (ids != 0).any(dim=1))
        return self.net.attending(gathered.inputs(side.uses, side.numbers_nm), ids, places_bl, known_bl)

    def pairs(
        self, chosen_r: Tensor, columns_rn: Tensor, attending: Attending, asking_ce: Tensor, index: Tensor
    ) -> Tensor:
        """Corrections of some columns for some rows, (R, n, T); `index` (R, n, 2T + 1) is what the index says."""
        corrections: Tensor = self.net.forward(F.embedding(columns_rn, asking_ce), attending.of(chosen_r), index)
        return corrections

    def _latest(self, use: Use, places_bw: Tensor, known_u: Tensor) -> tuple[Tensor, Tensor]:
        """Places of the entries read, (B, L), and which there are: always L wide, so that users can be kept flat.

        An id whose row is zero, not admitted yet, is none: whoever follows the published rows does not have it.
        """
        length, known_bw = self._config.rank_history, known_u[places_bw]
        if self._config.history_debias and self.clusters_of is not None:
            clusters_bw = np.where(known_bw.cpu().numpy(), _distinctly(self.clusters_of, use.rows_nw), NO_ENTRY)
            chosen = torch.from_numpy(debiased(clusters_bw, length)).to(places_bw.device)
            at = chosen.clamp(min=0)
            return places_bw.gather(1, at), known_bw.gather(1, at) & (chosen >= 0)
        return places_bw[:, :length], known_bw[:, :length]

    def _tensor(self, array: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._model.device)


def _distinctly(clusters_of: ClustersOf, rows_bw: Longs) -> Longs:
    distinct, places = np.unique(rows_bw, return_inverse=True)
    return np.asarray(clusters_of(distinct), np.int64)[places].reshape(rows_bw.shape)


@dataclass(frozen=True, slots=True)
class FiledByName:
    """`ClustersOf` by the names of the rows; row 0 is no item."""

    names_of: Callable[[Longs], Sequence[str]]
    codes_of: Callable[[Sequence[str]], Ints]

    def __call__(self, rows_n: Longs) -> Ints:
        """Clusters of rows, (n,)."""
        known = rows_n != 0
        clusters = np.full(len(rows_n), -1, np.int32)
        clusters[known] = self.codes_of(self.names_of(rows_n[known]))
        return clusters
