"""Changes: merging is applying one after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.changes import Changes

IDS = st.sampled_from(["a", "b", "c", "d"])
Stored = dict[str, float]


@st.composite
def some_changes(draw: st.DrawFn) -> Changes:
    rows = draw(st.dictionaries(IDS, st.floats(-9, 9), max_size=4))
    removed = [name for name in draw(st.lists(IDS, unique=True)) if name not in rows]
    changes = Changes(dense=draw(st.dictionaries(st.sampled_from(["x.y", "x.z"]), st.just(np.zeros(1)), max_size=2)))
    changes.put("t", list(rows), np.array(list(rows.values())).reshape(-1, 1))
    changes.remove("t", removed)
    return changes


def _apply(stored: Stored, changes: Changes) -> Stored:
    kept = {name: value for name, value in stored.items() if name not in changes.removed.get("t", [])}
    ids, values = changes.rows.get("t", ([], np.zeros((0, 1))))
    return kept | {name: float(value[0]) for name, value in zip(ids, values, strict=True)}


@given(some_changes(), some_changes(), some_changes(), st.dictionaries(IDS, st.floats(-9, 9)))
def test_merged_equals_one_after_the_other(a: Changes, b: Changes, c: Changes, stored: Stored) -> None:
    merged = a.merge(b)
    assert _apply(stored, merged) == _apply(_apply(stored, a), b)
    assert _apply(stored, merged.merge(c)) == _apply(stored, a.merge(b.merge(c)))
    assert not set(merged.removed.get("t", [])) & set(merged.rows.get("t", ([], None))[0])
    assert bool(merged) == (len(merged) > 0)
    assert set(merged.dense) == set(a.dense) | set(b.dense)


def test_empty() -> None:
    changes = Changes()
    changes.put("t", [], np.zeros((0, 3)))
    changes.remove("t", [])
    assert not changes
    assert len(changes) == 0
    assert changes.rows == changes.removed == {}


def test_some_tables_only() -> None:
    changes = Changes(rows={"a": (["x"], np.ones((1, 1)))}, removed={"b": ["y"]}, dense={"c.d": np.ones(1)})
    assert changes.tables("a", "z") == Changes(rows=changes.rows)
    assert changes.tables("b") == Changes(removed={"b": ["y"]})
