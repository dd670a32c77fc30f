"""One gradient step of the towers and the embedding rows they read."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.arrays import Floats, Ints
from pipeline.batch import Batch
from pipeline.columns import Columns
from pipeline.gather import Gathered
from pipeline.inputs import SideInputs
from pipeline.losses import sampled_softmax, straight_through
from pipeline.model import Model
from pipeline.optimisers import Adam
from pipeline.trained_table import TrainedTable


@dataclass(frozen=True, slots=True)
class Descended:
    """What a step saw before it moved anything.

    Attributes:
        v_cd: vectors of the columns.
        codes_c: their codes, -1 before the codebook starts.
        aux, ind, rank: summed losses.
    """

    v_cd: Floats
    codes_c: Ints
    aux: float
    ind: float
    rank: float


class Descent:
    """L = aux L_aux + ind L_ind + L_rank (+ sim L_sim), summed over tasks and divided by the batch.

    L_aux contrasts u with v, L_ind with the code of v, straight-through; the codes themselves get no gradient.
    """

    def __init__(self, model: Model, tables: Mapping[str, TrainedTable]) -> None:
        self.model = model
        self.adam = Adam(model.tensors(), model.config.dense_rate)
        self._tables = tables
        self._zero = torch.zeros((), device=model.device)

    def step(
        self, batch: Batch, columns: Columns, terms_bc: Floats, users: SideInputs, items: SideInputs, present_c: Ints
    ) -> Descended:
        """Move parameters down the gradient of one batch.

        Args:
            batch: the rows.
            columns: the items they are contrasted with.
            terms_bc: from `column_terms`.
            users: inputs of the rows.
            items: inputs of the columns.
            present_c: present codes of the columns.
        """
        model, config = self.model, self.model.config
        gathered = Gathered(model.tables, (*users.uses, *items.uses), model.device, learn=True)
        rows = _Rows(batch, columns, terms_bc, model)
        u, (v, bias) = model.user_forward("user", users, gathered), model.item_forward("item", items, gathered)
        v_cd: Floats = v.detach().cpu().numpy()
        codes_c = model.assign(v_cd, present_c)
        aux = rows.loss(u, v, bias, self._zero)
        ind, sim, rank = self._zero, self._zero, self._zero
        if model.codebook.codes_kd is not None:
            codes = torch.from_numpy(model.codebook.codes_kd[codes_c]).to(v.device)
            ind = rows.loss(u, straight_through(v, codes), bias, self._zero)
            sim = (v - codes).square().sum() if config.sim_weight else sim
        if config.ranker == "two_tower":
            ranking_u = model.user_forward("rank_user", users, gathered)
            rank = rows.loss(ranking_u, *model.item_forward("rank_item", items, gathered), self._zero)
        total = config.aux_weight * aux + config.ind_weight * ind + rank + config.sim_weight * sim
        self._move(total / len(batch), gathered)
        return Descended(v_cd, codes_c, aux.item(), ind.item(), rank.item())

    def _move(self, loss: Tensor, gathered: Gathered) -> None:
        if not loss.requires_grad:  # no row is positive
            return
        loss.backward()  # type: ignore[no-untyped-call]
        for name, (rows, gradients) in gathered.gradients().items():
            self._tables[name].update(rows, gradients)
        self.adam.step()


class _Rows:
    """Positive rows of each task, ready for the loss."""

    def __init__(self, batch: Batch, columns: Columns, terms_bc: Floats, model: Model) -> None:
        self._tau = model.config.tau
        self._tasks: list[tuple[int, Tensor, Tensor, Tensor, Tensor]] = []
        rewards_bt = batch.rewards(model.config)
        for t, task in enumerate(model.config.tasks):
            rows = np.flatnonzero(rewards_bt[:, t] > 0)
            if len(rows):
                weights = (rewards_bt[rows, t] * task.weight).astype(np.float32)
                arrays = (rows, terms_bc[rows], columns.own_b[rows], weights)
                chosen, terms, own, weight = (torch.from_numpy(array).to(model.device) for array in arrays)
                self._tasks.append((t, chosen, terms, own, weight))

    def loss(self, u_btd: Tensor, vectors_cd: Tensor, bias_ct: Tensor, start: Tensor) -> Tensor:
        """Sum of the sampled softmax over all tasks."""
        total = start
        for t, rows, terms, own, weights in self._tasks:
            u = u_btd[rows, t]
            total = total + sampled_softmax(u, vectors_cd, bias_ct[:, t], terms, own, weights, self._tau)
        return total
