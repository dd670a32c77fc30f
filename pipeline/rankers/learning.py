"""What the attention ranker learns from a batch: labels, and negatives that the index takes for likely."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from pipeline.gather import Gathered
from pipeline.inputs import SideInputs
from pipeline.rankers.attentive import AttentiveRanker
from pipeline.rankers.hard_negatives import hard_negatives
from pipeline.sampled_softmax import Cells


@dataclass(frozen=True, slots=True)
class Dots:
    """Vectors of a batch's rows and columns, biases and gamma log p, all without gradients."""

    u_btd: Tensor
    v_cd: Tensor
    bias_ct: Tensor
    prior_c: Tensor

    def parts(self, rows_r: Tensor, columns_rn: Tensor) -> Tensor:
        """u·v and bias a task, gamma log p, (R, n, 2T + 1)."""
        match = self.u_btd[rows_r] @ F.embedding(columns_rn, self.v_cd).transpose(1, 2)
        bias, prior = F.embedding(columns_rn, self.bias_ct), self.prior_c[columns_rn].unsqueeze(2)
        return torch.cat([match.transpose(1, 2), bias, prior], dim=2)

    def of_own(self, own_b: Tensor) -> Tensor:
        """Scores of the items that were exposed, (B, T)."""
        n_tasks = self.bias_ct.shape[1]
        parts = self.parts(torch.arange(len(own_b), device=own_b.device), own_b.unsqueeze(1)).squeeze(1)
        match, bias, prior = parts.tensor_split((n_tasks, 2 * n_tasks), dim=1)
        return match + bias + prior


class RankedBatch:
    """One batch as the attention ranker sees it."""

    def __init__(
        self, ranker: AttentiveRanker, users: SideInputs, items: SideInputs, gathered: Gathered, dots: Dots
    ) -> None:
        self._ranker, self._dots = ranker, dots
        self._attending, self._asking = ranker.attending(users, gathered), ranker.asking(items, gathered)

    def contrasted(
        self,
        task: int,
        rows_r: Tensor,
        terms_rc: Tensor,
        own_r: Tensor,
        weights_r: Tensor,
        cells: Cells,
        uniform_rn: Tensor,
    ) -> Tensor:
        """Σ_r weight · -log of the share that the row's item has of a softmax over all columns, estimated from a few.

        Args:
            task: whose positives these are.
            rows_r: positive rows.
            terms_rc: from `column_terms`, so that popularity is corrected for as in the index.
            own_r: column of each row's item.
            weights_r: weight of each row.
            cells: added to single logits, as in `sampled_softmax`.
            uniform_rn: random numbers within 0..1, one a negative.
        """
        dots = self._dots
        u = dots.u_btd[rows_r, task]
        logits = torch.addmm(terms_rc + dots.bias_ct[:, task], u, dots.v_cd.T)
        rows, columns, amounts = cells
        logits.index_put_((rows, columns), amounts.detach(), accumulate=True)
        contrast = hard_negatives(logits, own_r, uniform_rn)
        corrections = self._corrections(rows_r[contrast.rows_r], contrast.columns_rn)[..., task]
        own_first = torch.zeros_like(contrast.rows_r)
        losses = F.cross_entropy(corrections + contrast.offsets_rn, own_first, reduction="none")
        return (losses * weights_r[contrast.rows_r]).sum()

    def of_own(self, own_b: Tensor) -> Tensor:
        """Scores of the items that were exposed, (B, T); gradients go into the correction."""
        rows = torch.arange(len(own_b), device=own_b.device)
        return self._dots.of_own(own_b) + self._corrections(rows, own_b.unsqueeze(1)).squeeze(1)

    def _corrections(self, rows_r: Tensor, columns_rn: Tensor) -> Tensor:
        index = self._dots.parts(rows_r, columns_rn)
        return self._ranker.pairs(rows_r, columns_rn, self._attending, self._asking, index)


def labelled(scores_bt: Tensor, labels_bt: Tensor, weights_t: Tensor, calibration_t2: Tensor) -> Tensor:
    """Σ weight · binary cross-entropy of exposed rows' labels under the present calibration; NaN labels count nothing.

    A value counts as positive when it is above 0: how large it is weighs in the contrast with negatives.
    """
    known = torch.isfinite(labels_bt)
    logits = scores_bt * calibration_t2[:, 0] + calibration_t2[:, 1]
    losses = F.binary_cross_entropy_with_logits(logits, (labels_bt > 0).to(logits.dtype), reduction="none")
    return (losses * known * weights_t).sum()
