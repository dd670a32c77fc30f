"""Negatives that the index itself takes for likely, with a correction that makes them count as the whole softmax."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Contrast(NamedTuple):
    """For rows that have anything to be contrasted with: which they are, columns (R, 1 + n), own first, and offsets.

    A softmax over `corrections + offsets` of these columns estimates one over all columns by `logits + corrections`.
    """

    rows_r: Tensor
    columns_rn: Tensor
    offsets_rn: Tensor


def hard_negatives(logits_rc: Tensor, own_r: Tensor, uniform_rn: Tensor) -> Contrast:
    """Draw n columns a row with probability softmax(logits) over the columns that are not its own.

    With Z = Σ exp(logit) over those, the mean of exp(correction) over draws, times Z, estimates what the corrected
    softmax sums over them (importance sampling, Bengio and Senécal 2008). So the row's own column gets the offset
    logit - log Z and each draw -log n: where the index is right already there is little left to learn.

    Args:
        logits_rc: of the index, with every correction and mask.
        own_r: column of each row's item.
        uniform_rn: random numbers within 0..1.
    """
    own = own_r.unsqueeze(1)
    others = logits_rc.scatter(1, own, -torch.inf)
    log_z = torch.logsumexp(others, dim=1)
    rows = torch.nonzero(torch.isfinite(log_z)).squeeze(1)
    cumulative = torch.softmax(others[rows], dim=1).cumsum(1)
    drawn = torch.searchsorted(cumulative, uniform_rn[rows] * cumulative[:, -1:], right=True)
    drawn = drawn.clamp(max=logits_rc.shape[1] - 1)
    ahead = (logits_rc.gather(1, own).squeeze(1) - log_z)[rows].unsqueeze(1)
    offsets = torch.cat([ahead, torch.full_like(uniform_rn[rows], -math.log(uniform_rn.shape[1]))], dim=1)
    return Contrast(rows, torch.cat([own[rows], drawn], dim=1), offsets)
