"""Features: what is read, padded, ignored and refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Feature, ModelConfig, Task
from pipeline.errors import BatchError
from pipeline.features import NOTED_NAMES, Encoder, Values

TAGS = Feature("tag", "item", "multi", max_values=3)
KIND = Feature("kind", "item", "categorical")
PRICE = Feature("price", "item", "numeric")
CONFIG = ModelConfig(tasks=(Task("t"),), features=(TAGS, KIND, PRICE))


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=6))
def test_padding_puts_every_value_in_its_row(rows: list[list[str]]) -> None:
    numbers = {"a": 1, "b": 2, "c": 3}
    values = Values.several(rows)
    padded = values.padded(np.array([numbers[name] for name in values.ids], np.int64), 4)
    assert padded.tolist() == [[numbers[name] for name in row] + [0] * (4 - len(row)) for row in rows]
    for row, weights in zip(rows, values.mean_weights(4).tolist(), strict=True):
        assert weights == pytest.approx([1 / len(row)] * len(row) + [0] * (4 - len(row)) if row else [0] * 4)


def test_values_are_read_as_strings_and_cut() -> None:
    encoder = Encoder(CONFIG)
    read = encoder.values(TAGS, [{"tag": ["x", 2, None, "cut"]}, {"tag": "one"}, {"tag": None}, {}])
    assert read.ids == ["x", "2", "None", "one"]
    assert read.counts_n.tolist() == [3, 1, 0, 0]
    read = encoder.values(KIND, [{"kind": 7}, {"kind": True}, {"kind": "k"}, {}])
    assert read.ids == ["7", "True", "k"]


def test_numbers_that_are_missing_or_not_finite_are_nan() -> None:
    read = Encoder(CONFIG).numbers(PRICE, [{"price": 2}, {"price": float("inf")}, {}])
    assert read[0] == 2.0
    assert np.isnan(read[1:]).all()


@pytest.mark.parametrize(
    ("feature", "value"), [(KIND, ["a"]), (KIND, {"a": 1}), (TAGS, {"a": 1}), (PRICE, "3"), (PRICE, [1])]
)
def test_values_of_another_type_are_refused(feature: Feature, value: object) -> None:
    encoder = Encoder(CONFIG)
    read = encoder.numbers if feature is PRICE else encoder.values
    with pytest.raises(BatchError, match=f"feature {feature.name}"):
        read(feature, [{feature.name: value}])


def test_values_of_another_type_are_missing_where_nobody_can_be_told() -> None:
    encoder = Encoder(CONFIG, strict=False)
    read = encoder.values(KIND, [{KIND.name: ["a"]}, {KIND.name: "b"}])
    assert (read.ids, read.counts_n.tolist()) == (["b"], [0, 1])
    assert np.isnan(encoder.numbers(PRICE, [{PRICE.name: "3"}, {PRICE.name: 3}])).tolist() == [True, False]
    assert encoder.unknown_values == 2


def test_unknown_names_are_counted_and_some_are_noted() -> None:
    encoder = Encoder(CONFIG)
    encoder.count_unknown("item", [{"tag": "a"}, {"prize": 3, "tag": "b"}, {"colour": 1, "prize": 2}])
    assert encoder.unknown_values == 3
    assert list(encoder.unknown_names) == ["item.prize", "item.colour"]
    for number in range(1000):
        encoder.count_unknown("user", [{f"x{number}": 1}])
    assert encoder.unknown_values == 1003
    assert len(encoder.unknown_names) == NOTED_NAMES
