"""Items of a user's own history: found in every cell, in the bucket they belong to, and worth what the stream says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch import Batch
from pipeline.config import ModelConfig, Task
from pipeline.histories import Histories
from pipeline.learner import Learner
from pipeline.repeats import BUCKETS, bucket_of, repeated_columns, repeats_of

HISTORIES = st.lists(st.lists(st.integers(0, 6), max_size=40), min_size=1, max_size=5)


@given(HISTORIES, st.sets(st.integers(1, 6)), st.integers(1, 40))
def test_cells_of_a_batch_are_those_of_its_histories(
    histories: list[list[int]], columns: set[int], length: int
) -> None:
    items = sorted(columns)
    named = [[str(item) for item in history] for history in histories]
    expected = set()
    for row, history in enumerate(named):
        known = repeats_of(history, length)
        expected |= {(row, items.index(int(name)), bucket) for name, bucket in known.items() if int(name) in columns}
    column_of = {str(item): column for column, item in enumerate(items)} | {"0": 1000}
    found = repeated_columns(named, column_of, len(items), length)
    cells = list(zip(*(axis.tolist() for axis in found), strict=True))
    assert len(cells) == len(set(cells))
    assert set(cells) == expected


def test_buckets_are_octaves_of_recency_by_counts() -> None:
    octaves = [place for place in range(200) if bucket_of(place, 1) != bucket_of(place - 1, 1) or not place]
    assert octaves == [0, 1, 3, 7, 15, 31]
    assert [bucket_of(0, count) for count in (1, 2, 3, 4, 9)] == [0, 1, 2, 3, 3]
    assert bucket_of(10**6, 10**6) == BUCKETS - 1


@pytest.mark.parametrize(("again", "sign"), [(True, 1), (False, -1)])
def test_the_stream_says_whether_people_take_the_same_again(again: bool, sign: int) -> None:
    config = ModelConfig(tasks=(Task("buy"),), dim=8, id_dim=8, hidden=8, batch=64, history=10)
    learner, histories, rng = Learner(config), Histories(config.history), np.random.default_rng(0)
    for item in range(200):
        learner.catalogue.put(f"i{item}", {})
    time = 0
    for _ in range(40):
        rows: list[tuple[str, str, tuple[str, ...]]] = []
        for user in rng.integers(0, 30, config.batch).tolist():
            time += 1000
            history = histories.as_of(f"u{user}", time).items
            fresh = [f"i{item}" for item in rng.integers(0, 200, 20) if f"i{item}" not in history]
            item = str(rng.choice(history)) if again and history and rng.random() < 0.7 else fresh[0]
            histories.append(f"u{user}", item, time)
            rows.append((f"u{user}", item, history))
        users, items, given_histories = zip(*rows, strict=True)
        learner.step(Batch(users, items, np.ones((len(rows), 1), np.float32), history_items=given_histories))
    items_of_one, bonus_tn = learner.model.repeats(histories.as_of("u3", time + 1).items)
    assert len(items_of_one) == bonus_tn.shape[1] > 3
    assert (sign * bonus_tn[0, :3] > 0.5).all()


def test_a_model_that_has_learned_nothing_adds_nothing() -> None:
    learner = Learner(ModelConfig(tasks=(Task("buy"), Task("view")), dim=4, id_dim=4))
    items, bonus_tn = learner.model.repeats(["a", "b", "a"])
    assert items == ["a", "b"]
    assert bonus_tn.tolist() == [[0, 0], [0, 0]]
    assert learner.model.repeats([])[1].shape == (2, 0)
