"""The corrected softmax: against the reference, its mixture, its masks, its straight-through gradient."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.catalogue import Catalogue
from pipeline.columns import columns_of
from pipeline.losses import column_terms, mixture_log_q, same_user_columns, straight_through
from pipeline.sampled_softmax import sampled_softmax
from tests.reference import softmax as reference

D, ITEMS = 3, 9
EVENT = st.tuples(st.integers(0, 3), st.integers(0, ITEMS - 1), st.sampled_from([0.0, 1.0, 2.5]))
EVENTS = st.lists(EVENT, min_size=1, max_size=12)


@given(EVENTS, st.integers(0, 8), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_follows_the_reference(events: list[tuple[int, int, float]], uniform: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    catalogue, names = Catalogue(), [f"i{number}" for number in range(ITEMS)]
    for name in names:
        catalogue.put(name, {})
    users, items = [f"u{user}" for user, _, _ in events], [f"i{item}" for _, item, _ in events]
    rewards = np.array([reward for _, _, reward in events])
    columns = columns_of(items, [{}] * len(items), catalogue, uniform, np.random.default_rng(seed))
    drawn = catalogue.sample(uniform, np.random.default_rng(seed))
    u = rng.normal(size=(len(events), D))
    v = {name: rng.normal(size=D) for name in names}
    bias, prior = ({name: float(rng.normal()) for name in names} for _ in range(2))
    share = dict(zip(names, rng.dirichlet(np.ones(ITEMS)).tolist(), strict=True))
    log_q = reference.log_q(share, set(names), len(events), uniform)
    bonus_bn = rng.normal(size=(len(events), ITEMS)) * rng.integers(0, 2, (len(events), ITEMS))

    def added(row: int, item: str) -> float:
        return float(bonus_bn[row, int(item[1:])])

    expected = reference.loss(u, v, bias, prior, log_q, users, items, drawn, rewards.tolist(), added)

    log_share_c = np.log([share[name] for name in columns.ids])
    log_q_c = mixture_log_q(log_share_c, ITEMS, len(events), uniform)
    assert log_q_c == pytest.approx([log_q[name] for name in columns.ids])
    masked = same_user_columns(users, columns.own_b)
    terms = column_terms(np.array([prior[n] for n in columns.ids]), log_q_c, columns.counts_c, columns.own_b, masked)
    rows = np.flatnonzero(rewards > 0)
    bonus_rc = bonus_bn[rows][:, [int(name[1:]) for name in columns.ids]]
    cells = np.nonzero(bonus_rc)
    loss = sampled_softmax(
        torch.from_numpy(u[rows]).float(),
        torch.tensor(np.array([v[name] for name in columns.ids])).float(),
        torch.tensor([bias[name] for name in columns.ids]),
        torch.from_numpy(terms[rows]),
        torch.from_numpy(columns.own_b[rows]),
        torch.from_numpy(rewards[rows]).float(),
        (*(torch.from_numpy(axis) for axis in cells), torch.from_numpy(bonus_rc[cells]).float()),
    )
    assert loss.item() == pytest.approx(expected, rel=1e-4, abs=1e-4)


@given(st.integers(1, 50), st.integers(1, 2000), st.integers(0, 500), st.integers(0, 10**6))
def test_q_adds_up_to_one(items: int, n_exposed: int, n_uniform: int, seed: int) -> None:
    share = np.random.default_rng(seed).dirichlet(np.ones(items))
    log_q = mixture_log_q(np.log(share), items, n_exposed, n_uniform)
    assert np.exp(log_q).sum() == pytest.approx(1.0)


@given(st.integers(1, 50), st.integers(1, 2000), st.integers(0, 500), st.integers(0, 10**6))
def test_q_adds_up_to_one_where_not_all_items_are_drawn(items: int, n_exposed: int, n_uniform: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    share, drawn = rng.dirichlet(np.ones(items)), rng.permutation(items) < rng.integers(1, items + 1)
    log_q = mixture_log_q(np.log(share), int(drawn.sum()), n_exposed, n_uniform, drawn)
    assert np.exp(log_q).sum() == pytest.approx(1.0)
    assert np.exp(log_q[~drawn]) == pytest.approx(share[~drawn] * n_exposed / (n_exposed + n_uniform))


def test_q_of_an_item_never_exposed_is_the_uniform_part() -> None:
    assert mixture_log_q(np.array([-np.inf]), 10, 3, 1)[0] == pytest.approx(math.log(0.25 / 10))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=20))
def test_masks_are_all_items_of_the_row_s_user(pairs: list[tuple[int, int]]) -> None:
    users, own = [str(user) for user, _ in pairs], np.array([item for _, item in pairs])
    rows, columns = same_user_columns(users, own)
    expected = {(i, int(own[j])) for i, one in enumerate(users) for j, other in enumerate(users) if one == other}
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == expected


def test_the_row_s_own_item_counts_once_and_is_never_masked() -> None:
    own = np.array([0, 0, 1])
    terms = column_terms(
        np.array([0.5, 0.0, 0.0]), np.zeros(3), np.array([2, 1, 4]), own, same_user_columns(["a", "b", "a"], own)
    )
    assert terms[0] == pytest.approx([0.5, -np.inf, math.log(4)])
    assert terms[1] == pytest.approx([0.5, 0.0, math.log(4)])
    assert terms[2] == pytest.approx([-np.inf, 0.0, math.log(4)])


def test_straight_through_has_the_code_s_value_and_the_vector_s_gradient() -> None:
    v = torch.tensor([[1.0, 2.0], [0.0, 1.0]], requires_grad=True)
    e = torch.tensor([[0.5, 0.5], [3.0, 3.0]], requires_grad=True)
    weights = torch.tensor([[1.0, -2.0], [0.25, 4.0]])
    quantized = straight_through(v, e)
    assert torch.equal(quantized.detach(), e.detach())
    (quantized * weights).sum().backward()
    assert v.grad is not None
    assert torch.equal(v.grad, weights)
    assert e.grad is None


def test_columns_are_distinct_and_exposed_ones_come_first() -> None:
    catalogue = Catalogue()
    for name in ("a", "b", "z"):
        catalogue.put(name, {"of": name})
    given_features = [{"n": 1}, {"n": 2}, {"n": 3}]
    columns = columns_of(["b", "x", "b"], given_features, catalogue, 50, np.random.default_rng(0))
    assert columns.ids[:2] == ["b", "x"]
    assert sorted(columns.ids) == ["a", "b", "x", "z"]
    assert columns.n_exposed == 2
    assert columns.exposures_e.tolist() == [2, 1]
    assert columns.counts_c.sum() == 53
    assert columns.own_b.tolist() == [0, 1, 0]
    assert columns.features[0] == {"n": 3}  # the latest published with an exposure
    assert {tuple(entry.items()) for entry in columns.features[2:]} == {(("of", "a"),), (("of", "z"),)}
