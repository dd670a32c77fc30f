"""Catalogue: uniform draws that depend on the items alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

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
