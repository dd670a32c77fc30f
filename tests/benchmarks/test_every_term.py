"""Each term of the method is there: a check holds with it, and fails as soon as it is taken away.

Most checks look at what the term is for in a case made for it; some need the whole replay of the accuracy gate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.codebook import MovingAverages
from pipeline.embedding import EmbeddingTable
from pipeline.inputs import Inputs, UserInputs
from pipeline.losses import column_terms
from pipeline.postings import Postings
from pipeline.towers import UserTower
from tests.benchmarks import code_checks as codes
from tests.benchmarks import tower_checks as towers
from tests.benchmarks.gate import LIMITS, Limit, measured, misplaced

Patch = Callable[[pytest.MonkeyPatch], None]
NEVER = 1e9
pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True, slots=True)
class Term:
    """A check, what it must find, and how the term is taken away: by settings, or where none exists by a patch."""

    check: Callable[..., float]
    limit: Limit
    without: Mapping[str, Any] = field(default_factory=dict)
    patch: Patch | None = None


def _each_draw_once(patch: pytest.MonkeyPatch) -> None:
    def terms(prior_c: Any, log_q_c: Any, counts_c: Any, own_b: Any, masked: Any) -> Any:
        return column_terms(prior_c, log_q_c, np.ones_like(counts_c), own_b, masked)

    patch.setattr("pipeline.learner.column_terms", terms)


def _no_gradient_through_codes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("pipeline.descent.straight_through", lambda vectors, codes: codes)


def _random_start(patch: pytest.MonkeyPatch) -> None:
    insert, rng = EmbeddingTable.insert, np.random.default_rng(0)

    def inserted(table: EmbeddingTable, names: Any) -> Any:
        new = [name for name in names if not table.ids.find([name])[0]]
        rows = insert(table, names)
        table.values[table.ids.find(new)] = rng.normal(size=(len(new), table.dim))
        return rows

    patch.setattr(EmbeddingTable, "insert", inserted)


def _one_vector_for_all_tasks(patch: pytest.MonkeyPatch) -> None:
    forward = UserTower.forward
    patch.setattr(UserTower, "forward", lambda tower, inputs: forward(tower, inputs)[:, :1].expand(-1, 2, -1))


def _no_history(patch: pytest.MonkeyPatch) -> None:
    encode = Inputs.encode_users
    patch.setattr(
        Inputs, "encode_users", lambda inputs, users: encode(inputs, UserInputs(users.user_ids, users.features))
    )


def _no_ages(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("pipeline.inputs._history_numbers", lambda items, ages, longest: np.full((len(items), 2), np.nan))


def _squared(patch: pytest.MonkeyPatch) -> None:
    from pipeline import assignment

    nearest = assignment.nearest
    patch.setattr(assignment, "nearest", lambda v, e, weights, *rest: nearest(v, e, np.sqrt(weights), *rest))


def _decay_of_hit_codes_only(patch: pytest.MonkeyPatch) -> None:
    update = MovingAverages.update

    def updated(averages: MovingAverages, vectors: Any, codes_n: Any, weights: Any, decay: float) -> None:
        update(averages, vectors, codes_n, weights, decay)
        others = np.setdiff1d(np.arange(len(averages._counts)), codes_n)
        averages._counts[others] /= decay
        averages._sums[others] /= decay

    patch.setattr(MovingAverages, "update", updated)


def _codes_at_random(patch: pytest.MonkeyPatch) -> None:
    def drawn(vectors_nd: Any, codes: int, rounds: int, rng: np.random.Generator) -> Any:
        return rng.normal(size=(codes, vectors_nd.shape[1])).astype(np.float32)

    patch.setattr("pipeline.filing.first_codes", drawn)


def _set(target: str, value: Any) -> Patch:
    return lambda patch: patch.setattr(target, value)


TERMS: Mapping[str, Term] = {
    "same-user mask": Term(towers.loss_of_one_user_s_batch, Limit(most=1e-6), {"same_user_mask": False}),
    "counts of draws": Term(
        towers.loss_against_an_item_drawn_three_times, Limit(0.86, 0.87), patch=_each_draw_once
    ),
    "uniform negatives": Term(towers.taste_for_what_nobody_takes, Limit(most=-0.5), {"uniform_share": 0.0}),
    "L_aux": Term(towers.lead_before_there_are_codes, Limit(1.0), {"aux_weight": 0.0}),
    "L_ind": Term(towers.lead_by_one_loss, Limit(1.0), {"ind_weight": 0.0}),
    "straight-through gradient": Term(towers.lead_by_one_loss, Limit(1.0), patch=_no_gradient_through_codes),
    "learned length of u": Term(towers.loss_after_a_bad_start, Limit(most=3.5), {"tau_rate": 0.0}),
    "admission of ids": Term(towers.value_of_an_id_seen_once, Limit(0, 0), {"admit_after": 1}),
    "ids start at zero": Term(towers.difference_to_a_replica, Limit(0, 0), patch=_random_start),
    "dropout of ids": Term(towers.what_is_left_without_the_id, Limit(0.67), {"id_dropout": 0.0}),
    "one u a task": Term(towers.agreement_of_tasks, Limit(1.0), patch=_one_vector_for_all_tasks),
    "history": Term(towers.nearness_to_the_history, Limit(0.15), patch=_no_history),
    "begin alike": Term(
        towers.nearness_to_the_history, Limit(0.15), patch=_set("pipeline.ranker.begin_alike", lambda *_: None)
    ),
    "recency in the history": Term(towers.weight_of_the_order, Limit(0.002), {"recency": NEVER}),
    "age of the history": Term(towers.lead_by_the_time_away, Limit(2.0), patch=_no_ages),
    "disturbance": Term(codes.items_that_a_dying_code_draws, Limit(50), {"disturbance": NEVER}),
    "crowding": Term(codes.items_that_a_crowded_code_keeps, Limit(most=50), {"crowding": 0.0}),
    "true distances": Term(codes.code_of_a_light_but_far_one, Limit(0, 0), patch=_squared),
    "hysteresis": Term(codes.moves_on_a_border, Limit(0, 0), {"hysteresis": 0.0}),
    "item interval": Term(codes.mass_of_rare_items, Limit(0.1), {"beta": 0.0}),
    "mass of uniform items": Term(codes.mass_where_nobody_looks, Limit(0.1), {"uniform_mass": 0.0}),
    "capped rewards": Term(codes.mass_of_long_watches, Limit(most=4.0), {"cap": 1e30}),
    "decay of every code": Term(codes.mass_of_a_deserted_code, Limit(most=0.01), patch=_decay_of_hit_codes_only),
    "decay by events": Term(codes.mass_by_short_batches, Limit(0.9, 1.1), {"batch": 16}),
    "codes start from items": Term(codes.codes_in_use_at_the_start, Limit(0.9), patch=_codes_at_random),
    "re-seeding": Term(
        codes.items_that_a_reseeded_code_holds, Limit(1), patch=_set("pipeline.filing.Filing.reseed", lambda *_: [])
    ),
    "choice of the half-life": Term(
        codes.share_of_what_is_hot_now, Limit(-3.5),
        patch=_set("pipeline.popularity.Popularity.choose", lambda *_: None),
    ),
    "decay of popularity": Term(codes.share_of_what_is_hot_now, Limit(-3.5), {"half_lives": (1e12,)}),
    "candidate stream": Term(partial(misplaced, 1), Limit(most=0.3), {"refreshed": 0}),
    "initial count": Term(codes.log_share_of_a_new_item, Limit(-10), {"initial_count": 1e-9}),
    "calibration": Term(
        codes.probability_too_much, Limit(most=0.05),
        patch=_set("pipeline.rankers.calibration.Calibration.update", lambda *_: None),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gated:
    """A number of the accuracy gate that leaves its limits when the term is taken away."""

    number: str
    without: Mapping[str, Any] = field(default_factory=dict)
    patch: Patch | None = None


def _order_by_nothing(patch: pytest.MonkeyPatch) -> None:
    update = Postings.set_keys_all
    patch.setattr(Postings, "set_keys_all", lambda postings, keys: update(postings, np.zeros_like(keys)))


GATED: Mapping[str, Gated] = {
    "log q": Gated("exact/rival", {"log_q": False}),
    "popularity": Gated("exact/rival", {"gamma": 0.0}),
    "repeats": Gated("exact/rival", {"repeat_rate": 0.0}),
    "length of the history": Gated("exact/rival", {"history": 1}),
    "short half-lives": Gated("fresh svq/popularity", {"half_lives": (128_000.0,)}),
    "L_aux": Gated("perplexity/K", {"aux_weight": 0.0}),
    "item features": Gated("cold/chance", {"features": ()}),
    "an early start of the codebook": Gated("svq@2%/exact", {"start_steps": 100}),
    "codes that follow": Gated("perplexity/K", patch=_set("pipeline.filing.Filing.follow", lambda *_: None)),
    "codes that follow fast": Gated("perplexity/K", {"alpha": 0.9995}),
    "merge of all lists": Gated("merge/exact", patch=_set("benchmarks.arms.svq.chunk_for", lambda *_: 10**6)),
    "order within lists": Gated("merge/exact", patch=_order_by_nothing),
}  # fmt: skip


@pytest.mark.parametrize("name", TERMS)
def test_a_check_fails_without_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    term = TERMS[name]
    whole = term.check()
    if term.patch is not None:
        term.patch(monkeypatch)
    less = term.check(**term.without)
    print(f"{name}: {whole:.4g}, without it {less:.4g}")
    assert term.limit.holds(whole)
    assert not term.limit.holds(less)


def test_the_documentation_names_each_one() -> None:
    text = (Path(__file__).parents[2] / "docs/method.md").read_text()
    section = text.partition("## How we know that each term is there")[2]
    rows = {row.split("|")[1].strip() for row in section.splitlines() if row.startswith("|")}
    assert rows >= TERMS.keys() | GATED.keys()


@pytest.mark.parametrize("name", GATED)
def test_the_gate_closes_without_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That it is open with the term is what the accuracy gate says, of the same seed."""
    gated = GATED[name]
    if gated.patch is not None:
        gated.patch(monkeypatch)
    value = measured(1, **gated.without)[gated.number]
    print(f"{gated.number} without {name}: {value:.3g}")
    assert not LIMITS[gated.number].holds(value)
