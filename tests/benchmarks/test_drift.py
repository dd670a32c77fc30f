"""The synthetic stream drifts as it says, and its truth is true."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.synthetic.drift import Drift, drifting

SMALL = Drift(events=4_000, users=60, items=200, topics=12, periods=10, bursts=5)


def test_a_seed_gives_the_same_stream_and_another_seed_another() -> None:
    (one, _), (again, _), (other, _) = drifting(SMALL), drifting(SMALL), drifting(replace(SMALL, seed=1))
    np.testing.assert_array_equal(one.item_n, again.item_n)
    np.testing.assert_array_equal(one.time_n, again.time_n)
    assert (one.item_n != other.item_n).any()


def test_time_goes_forward_and_nothing_is_exposed_before_it_is_published() -> None:
    stream, _ = drifting(SMALL)
    assert (np.diff(stream.time_n) >= 0).all()
    assert (np.diff(stream.published_m) >= 0).all()
    assert (stream.published_m[stream.item_n] <= stream.time_n).all()
    assert (stream.published_m > stream.time_n[0]).any()  # some come later


def test_probabilities_add_up_to_one_over_what_is_published() -> None:
    _, truth = drifting(SMALL)
    for period in range(SMALL.periods):
        probabilities = truth.probabilities(period, np.arange(SMALL.users))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
        assert (probabilities[:, truth.published_m > period] == 0).all()


def test_a_probability_is_the_formula() -> None:
    _, truth = drifting(SMALL)
    period, user = 7, 3
    terms = np.zeros(SMALL.items)
    for item in range(SMALL.items):
        topic = truth.topic_pm[period, item]
        if truth.published_m[item] <= period and truth.alive_pk[period, topic]:
            appeal = truth.sharpness * truth.tastes_ud[user] @ truth.places_pkd[period, topic]
            terms[item] = truth.weight_pm[period, item] * np.exp(appeal)
    published = truth.published_m <= period
    expected = 0.9 * terms / terms.sum() + 0.1 * published / published.sum()
    np.testing.assert_allclose(truth.probabilities(period, np.array([user]))[0], expected)


def test_exposures_are_drawn_from_the_truth() -> None:
    stream, truth = drifting(replace(SMALL, users=1, events=60_000, periods=1))
    observed = np.bincount(stream.item_n, minlength=SMALL.items) / len(stream)
    assert np.abs(observed - truth.probabilities(0, np.array([0]))[0]).max() < 0.01


def test_the_ceiling_is_what_the_oracle_hits() -> None:
    stream, truth = drifting(SMALL)
    hits = np.empty(len(stream))
    for event, period in enumerate(truth.period_of(stream.time_n).tolist()):
        best = truth.best(period, stream.user_n[event : event + 1], 10)[0]
        hits[event] = stream.item_n[event] in best
    ceiling = truth.ceiling(stream, 10)
    assert hits.mean() == pytest.approx(ceiling.mean(), abs=4 * np.sqrt(0.25 / len(stream)))
    popular = np.argsort(-np.bincount(stream.item_n, minlength=SMALL.items))[:10]
    assert np.isin(stream.item_n, popular).mean() < ceiling.mean()


def test_still_means_that_nothing_changes() -> None:
    stream, truth = drifting(SMALL.still())
    everybody = np.arange(SMALL.users)
    first = truth.probabilities(0, everybody)
    for period in range(1, SMALL.periods):
        np.testing.assert_allclose(truth.probabilities(period, everybody), first)
    assert (stream.published_m <= stream.time_n[0]).all()


@pytest.mark.parametrize("part", ["turn", "moves", "births", "newcomers", "bursts"])
def test_each_kind_of_drift_changes_the_truth_by_itself(part: str) -> None:
    only = replace(SMALL.still(), **{part: getattr(SMALL, part)})
    _, truth = drifting(only)
    first, last = (truth.probabilities(period, np.arange(SMALL.users)) for period in (0, SMALL.periods - 1))
    if part == "bursts":  # one may be over by the end
        last = np.max([truth.probabilities(period, np.arange(SMALL.users)) for period in range(SMALL.periods)], axis=0)
    assert np.abs(first - last).max() > 0.01
