"""Catalogue: uniform draws that depend on the items alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ages import Ages
from pipeline.catalogue import Catalogue

Operations = st.lists(st.tuples(st.sampled_from(["drawn", "not drawn", "gone"]), st.integers(0, 60)), max_size=120)


@given(Operations, st.integers(0, 100))
@settings(deadline=None)
def test_draws_depend_on_the_set_of_items_only(operations: list[tuple[str, int]], seed: int) -> None:
    lived, expected = Catalogue(), {}
    known = set()
    for what, number in operations:
        name = f"i{number}"
        expected.pop(name, None)
        if what == "gone":
            assert lived.delete(name) == (name in known)
            known.discard(name)
            continue
        known.add(name)
        lived.put(name, {"n": number}, drawn=what == "drawn")
        if what == "drawn":
            expected[name] = {"n": number}
    fresh = Catalogue()
    for name in sorted(expected, reverse=True):
        fresh.put(name, expected[name])
    assert len(lived) == len(known)
    assert set(lived.names()) == known
    assert lived.drawn == fresh.drawn == len(expected)
    draws = [catalogue.sample(20, np.random.default_rng(seed)) for catalogue in (lived, fresh)]
    assert draws[0] == draws[1]
    assert set(draws[0]) <= set(expected)
    assert len(draws[0]) == (20 if expected else 0)


Aged = st.lists(
    st.tuples(st.sampled_from(["drawn", "drawn", "not drawn", "gone", "time"]), st.integers(0, 8), st.integers(0, 40)),
    max_size=300,
)


@given(Aged)
@settings(deadline=None)
def test_items_are_drawn_while_they_are_young_enough(operations: list[tuple[str, int, int]]) -> None:
    """However often items get other times, and although the time goes back now and then."""
    catalogue, fits, now = Catalogue(max_age_ms=10), dict[str, int](), -1000
    for what, number, time in operations:
        name = f"i{number}"
        if what == "time":
            now = time
            catalogue.as_of(now)
        elif what == "gone":
            fits.pop(name, None)
            catalogue.delete(name)
        else:
            fits.pop(name, None)
            catalogue.put(name, {}, drawn=what == "drawn", published=time)
            if what == "drawn":
                fits[name] = time
    young = {name for name, published in fits.items() if published >= now - 10}
    assert catalogue.drawn == len(young)
    names = [f"i{number}" for number in range(9)]
    assert {name for name, drawn in zip(names, catalogue.draws(names), strict=True) if drawn and name in catalogue} == (
        young
    )
    assert set(catalogue.sample(300, np.random.default_rng(0))) == young


def test_without_a_limit_the_time_does_not_matter() -> None:
    catalogue = Catalogue()
    catalogue.put("a", {}, published=0)
    catalogue.as_of(10**15)
    assert catalogue.sample(1, np.random.default_rng(0)) == ["a"]


def test_an_item_that_keeps_getting_other_times_is_kept_a_few_times() -> None:
    ages = Ages()
    for time in range(5000):
        ages.put("a", time)
        ages.move(time - 3)
    assert len(ages._young) + len(ages._old) < 100
    assert ages.move(5000) == (["a"], [])


def test_every_item_is_equally_likely() -> None:
    catalogue = Catalogue()
    for number in range(50):
        catalogue.put(f"item-{number}", {})
    drawn = catalogue.sample(100_000, np.random.default_rng(0))
    counts = np.unique(drawn, return_counts=True)[1]
    assert len(counts) == 50
    # χ² with 49 degrees of freedom: above 95 once in 10,000 runs.
    assert ((counts - 2000) ** 2 / 2000).sum() < 95


def test_features_are_replaced_and_missing_items_have_none() -> None:
    catalogue = Catalogue()
    catalogue.put("a", {"x": 1})
    catalogue.put("a", {"x": 2})
    assert catalogue.get("a") == {"x": 2}
    assert catalogue.get("b") == {}
    assert "a" in catalogue
    assert len(catalogue) == 1
