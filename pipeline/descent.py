"""One gradient step of the towers and the embedding rows they read."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.arrays import Doubles, Floats, Ints
from pipeline.batch import Batch
from pipeline.columns import Columns
from pipeline.gather import Gathered
from pipeline.inputs import SideInputs
from pipeline.losses import straight_through, without_own_cluster
from pipeline.model import BONUS, Model
from pipeline.optimisers import Adam
from pipeline.rankers.attentive import AttentiveRanker
from pipeline.rankers.learning import Dots, RankedBatch, labelled
from pipeline.repeats import Repeated
from pipeline.sampled_softmax import Cells, sampled_softmax
from pipeline.trained_table import TrainedTable


@dataclass(frozen=True, slots=True)
class Descended:
    """What a step saw before it moved anything.

    Attributes:
        v_cd: vectors of the columns.
        codes_c: their codes, -1 before the codebook starts.
        aux, ind, rank: summed losses.
        own_bt: scores by the ranker of what was exposed.
    """

    v_cd: Floats
    codes_c: Ints
    aux: float
    ind: float
    rank: float
    own_bt: Floats


class Descent:
    """L = aux L_aux + ind L_ind + L_rank (+ sim L_sim), summed over tasks and divided by the batch.

    L_aux contrasts u with v, L_ind with the code of v, straight-through; the codes themselves get no gradient.
    """

    def __init__(self, model: Model, tables: Mapping[str, TrainedTable]) -> None:
        self.model = model
        self.adam = Adam(model.tensors(), model.config.dense_rate, _rates(model))
        self._tables = tables
        self._zero = torch.zeros((), device=model.device)

    def step(
        self,
        batch: Batch,
        columns: Columns,
        terms_bc: Floats,
        prior_c: Doubles,
        repeated: Repeated,
        users: SideInputs,
        items: SideInputs,
        present_c: Ints,
        rng: np.random.Generator,
    ) -> Descended:
        """Move parameters down the gradient of one batch.

        Args:
            batch: the rows.
            columns: the items they are contrasted with.
            terms_bc: from `column_terms`.
            prior_c: gamma log p of the columns.
            repeated: where a column is in the history of a row's user.
            users: inputs of the rows.
            items: inputs of the columns.
            present_c: present codes of the columns.
            rng: for negatives of the ranker.
        """
        model, config = self.model, self.model.config
        gathered = Gathered(model.tables, (*users.all_uses, *items.uses), model.device, learn=True)
        rows = _Rows(batch, columns, terms_bc, repeated, model)
        u, (v, bias) = model.user_forward("user", users, gathered), model.item_forward("item", items, gathered)
        v_cd: Floats = v.detach().cpu().numpy()
        codes_c = model.assign(v_cd, present_c)
        aux = rows.loss(u, v, bias, self._zero)
        ind, sim, rank = self._zero, self._zero, self._zero
        if model.codebook.codes_kd is not None:
            codes = torch.from_numpy(model.codebook.codes_kd[codes_c]).to(v.device)
            filed = torch.from_numpy(codes_c).to(v.device) if config.same_cluster_mask else None
            ind = rows.loss(u, straight_through(v, codes), bias, self._zero, filed)
            sim = (v - codes).square().sum() if config.sim_weight else sim
        if config.ranker == "two_tower":
            u, (v, bias) = model.ranker.users(users, gathered), model.ranker.items(items, gathered)
            rank = rows.loss(u, v, bias, self._zero)
        prior, own = torch.from_numpy(prior_c.astype(np.float32)).to(v.device), rows.own
        dots = Dots(u.detach(), v.detach(), bias.detach(), prior)
        own_bt = dots.of_own(own) + rows.own_bonus
        if isinstance(model.ranker, AttentiveRanker):
            seen = RankedBatch(model.ranker, users, items, gathered, dots)
            own_bt = seen.of_own(own) + rows.own_bonus
            rank = rows.contrasted(seen, rng, self._zero) + config.rank_label_weight * rows.labelled(own_bt)
        total = config.aux_weight * aux + config.ind_weight * ind + rank + config.sim_weight * sim
        # Of a full batch, also where this one is short: Adagrad sums up squares, and an event must not weigh the more.
        self._move(total / config.batch, gathered, len(batch) / config.batch)
        return Descended(v_cd, codes_c, aux.item(), ind.item(), rank.item(), own_bt.detach().cpu().numpy())

    def _move(self, loss: Tensor, gathered: Gathered, share: float) -> None:
        if not loss.requires_grad:  # no row is positive
            return
        loss.backward()  # type: ignore[no-untyped-call]
        for name, (rows, gradients) in gathered.gradients().items():
            self._tables[name].update(rows, gradients)
        self.adam.step(share)


class _Rows:
    """Positive rows of each task, ready for the loss."""

    def __init__(self, batch: Batch, columns: Columns, terms_bc: Floats, repeated: Repeated, model: Model) -> None:
        config = model.config
        self._negatives = config.rank_negatives
        self._cells: dict[int, Cells] = {}
        bonus_tb = model.tensors()[BONUS]
        self.own_bonus = repeated.of_own(columns.own_b, bonus_tb.detach())
        self.own = torch.from_numpy(columns.own_b).to(model.device)
        self._labels = torch.from_numpy(batch.labels_bt.astype(np.float32)).to(model.device)
        self._task_weights = torch.tensor([task.weight for task in config.tasks], device=model.device)
        self._calibration = torch.from_numpy(model.calibration_t2.astype(np.float32)).to(model.device)
        self._tasks: list[tuple[int, Tensor, Tensor, Tensor, Tensor]] = []
        rewards_bt = batch.rewards(config)
        for t, task in enumerate(config.tasks):
            rows = np.flatnonzero(rewards_bt[:, t] > 0)
            if len(rows):
                weights = (rewards_bt[rows, t] * task.weight).astype(np.float32)
                arrays = (rows, terms_bc[rows], columns.own_b[rows], weights)
                chosen, terms, own, weight = (torch.from_numpy(array).to(model.device) for array in arrays)
                self._tasks.append((t, chosen, terms, own, weight))
                found, cells, buckets = repeated.of_rows(rows, len(batch), model.device)
                self._cells[t] = (found, cells, bonus_tb[t, buckets])

    def loss(
        self, u_btd: Tensor, vectors_cd: Tensor, bias_ct: Tensor, start: Tensor, filed_c: Tensor | None = None
    ) -> Tensor:
        """Sum of the sampled softmax over all tasks; with codes, what shares the own item's is no negative."""
        total = start
        for t, rows, unmasked, own, weights in self._tasks:
            u = u_btd[rows, t]
            terms = unmasked if filed_c is None else without_own_cluster(unmasked, filed_c, own)
            total = total + sampled_softmax(u, vectors_cd, bias_ct[:, t], terms, own, weights, self._cells[t])
        return total

    def contrasted(self, seen: RankedBatch, rng: np.random.Generator, start: Tensor) -> Tensor:
        """Sum of what a ranker loses against negatives that the index takes for likely."""
        total = start
        for t, rows, terms, own, weights in self._tasks:
            uniform = torch.from_numpy(rng.random((len(own), self._negatives), np.float32)).to(own.device)
            total = total + seen.contrasted(t, rows, terms, own, weights, self._cells[t], uniform)
        return total

    def labelled(self, scores_bt: Tensor) -> Tensor:
        """Sum of what scores of the exposed items lose against their labels."""
        return labelled(scores_bt, self._labels, self._task_weights, self._calibration)


def _rates(model: Model) -> dict[str, float]:
    config, rates = model.config, dict[str, float]()
    for name in model.tensors():
        if name.startswith("ranker."):
            rates[name] = config.rank_rate
        elif name.endswith("user.log_length"):
            rates[name] = config.tau_rate
        elif name == BONUS:
            rates[name] = config.repeat_rate
    return rates
