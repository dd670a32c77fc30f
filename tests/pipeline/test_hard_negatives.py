"""Negatives by the index's own softmax: their distribution, and that they stand for all columns."""

import math

import numpy as np
import pytest
import torch

from pipeline.rankers.hard_negatives import hard_negatives

LOGITS = torch.tensor([[2.0, 0.0, 1.0, -torch.inf, 0.5], [0.0, 3.0, 1.0, -1.0, 0.0]])
OWN = torch.tensor([0, 1])


def _uniform(rows: int, n: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((rows, n), np.float32))


def test_columns_come_as_often_as_the_index_finds_them_likely() -> None:
    contrast = hard_negatives(LOGITS, OWN, _uniform(2, 40_000))
    assert contrast.columns_rn[:, 0].tolist() == [0, 1]
    for row in range(2):
        others = LOGITS[row].clone()
        others[OWN[row]] = -torch.inf
        frequencies = torch.bincount(contrast.columns_rn[row, 1:], minlength=5) / 40_000
        assert frequencies.numpy() == pytest.approx(torch.softmax(others, 0).numpy(), abs=0.01)
        assert frequencies[OWN[row]] == 0


def test_a_softmax_over_them_estimates_the_one_over_all_columns() -> None:
    corrections = torch.tensor([[0.5, -1.0, 1.5, 9.0, 0.0], [-0.5, 1.0, 2.0, -2.0, 0.3]])
    contrast = hard_negatives(LOGITS, OWN, _uniform(2, 100_000))
    logits = corrections.gather(1, contrast.columns_rn) + contrast.offsets_rn
    estimated = -torch.log_softmax(logits, 1)[:, 0]
    exact = -torch.log_softmax(LOGITS + corrections, 1).gather(1, OWN[:, None])[:, 0]
    assert estimated.numpy() == pytest.approx(exact.numpy(), abs=0.01)


def test_without_a_correction_the_loss_is_the_index_s_own_whatever_is_drawn() -> None:
    contrast = hard_negatives(LOGITS, OWN, _uniform(2, 3))
    loss = -torch.log_softmax(contrast.offsets_rn, 1)[:, 0]
    assert loss.numpy() == pytest.approx(-torch.log_softmax(LOGITS, 1)[[0, 1], OWN].numpy(), abs=1e-5)
    assert contrast.offsets_rn[0, 1:].tolist() == pytest.approx([-math.log(3)] * 3)


def test_a_row_with_nothing_but_its_own_item_is_left_out() -> None:
    logits = torch.tensor([[1.0, -torch.inf], [0.0, 1.0]])
    contrast = hard_negatives(logits, torch.tensor([0, 0]), _uniform(2, 4))
    assert contrast.rows_r.tolist() == [1]
    assert contrast.columns_rn.tolist() == [[0, 1, 1, 1, 1]]
    assert torch.isfinite(contrast.offsets_rn).all()


def test_the_largest_random_number_stays_within_the_columns() -> None:
    contrast = hard_negatives(LOGITS, OWN, torch.full((2, 1), 1.0))
    assert (contrast.columns_rn < 5).all()
