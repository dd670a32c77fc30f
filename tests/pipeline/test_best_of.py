"""The best of some rows: what a merge gives whose mask leaves them alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.best_of import best_of, cheaper
from pipeline.merge import merge
from pipeline.postings import ABSENT
from tests.pipeline.test_merge import ROWS, Case, cases, listed
from tests.reference import merge as reference


@settings(max_examples=200, deadline=None)
@given(cases, st.integers(0, ROWS + 5), st.integers(0, 1))
def test_it_equals_a_full_sort_and_the_merge(case: Case, n_out: int, task: int) -> None:
    mask = np.zeros(ROWS, np.uint8)
    mask[: len(case.mask)] = case.mask[:ROWS]
    rows = np.flatnonzero((mask > 0) & (case.clusters != ABSENT))
    found = listed(best_of(case.postings, case.scores, task, rows, n_out))
    assert found == reference.exact(case.clusters, case.keys[:, task], case.scores, n_out, mask.tolist())
    assert found == listed(merge(case.postings, case.scores, task, n_out, chunk=1, mask=mask))


def test_it_is_taken_where_a_merge_would_pass_by_most_items() -> None:
    assert cheaper(0, 500, 1_000_000)
    assert cheaper(500, 500, 500)
    assert not cheaper(1_000_000, 500, 1_000_000)
    choices = [cheaper(rows, 500, 1_000_000) for rows in range(0, 1_000_000, 1000)]
    assert choices == sorted(choices, reverse=True)
