"""What columns are taken for: tasks, features, times of publication."""

import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.data.errors import InputError
from benchmarks.data.features import MOST, guess
from benchmarks.data.outcomes import choose
from benchmarks.data.reading import read_interactions
from benchmarks.data.words import separated, shortened
from benchmarks.interactions import Interactions
from pipeline.config import ModelConfig
from pipeline.features import Encoder

T = 1_700_000_000
N = 200
DAY = 86_400


def flags(share: float, n: int = N) -> list[int]:
    return [int(place < share * n) for place in range(n)]


def read(
    tmp_path: Path,
    columns: dict[str, Any],
    items: dict[str, Any] | None = None,
    users: dict[str, Any] | None = None,
    **options: Any,
) -> Interactions:
    n = len(next(iter(columns.values()))) if columns else N
    base = {"user_id": [place % 7 for place in range(n)], "item_id": [place % 20 for place in range(n)]}
    table = pa.table(base | {"timestamp": list(range(T, T + n))} | columns)
    paths: list[Path | None] = [tmp_path / "events.parquet"]
    pq.write_table(table, paths[0])
    for name, side in (("items", items), ("users", users)):
        paths.append(None if side is None else tmp_path / f"{name}.parquet")
        if side is not None:
            pq.write_table(pa.table(side), paths[-1])
    return read_interactions(*paths, **options)


def names(read: Interactions) -> list[str]:
    return [task.name for task in read.tasks]


def test_columns_of_zeros_and_ones_are_tasks_the_most_frequent_first(tmp_path: Path) -> None:
    columns = {"is_like": flags(0.02), "long_view": flags(0.3), "is_click": flags(0.4), "is_rand": flags(0.0)}
    found = read(tmp_path, columns | {"tab": [place % 5 for place in range(N)], "rating": [3.5] * N})
    assert names(found) == ["is_click", "long_view"]
    assert found.labels_nt.sum(axis=0).tolist() == [80, 60]
    assert found.ignored_columns == ("is_like", "is_rand", "tab", "rating")


def test_at_most_three_tasks_and_no_rejections_or_circumstances(tmp_path: Path) -> None:
    columns = {"skipped": flags(0.9), "disliked": flags(0.8), "is_weekend": flags(0.7), "clicked": flags(0.5),
               "add_to_cart": flags(0.2), "purchase": flags(0.1), "shared": flags(0.08)}  # fmt: skip
    assert names(read(tmp_path, columns)) == ["clicked", "add_to_cart", "purchase"]


def test_flags_of_any_name_count_where_none_is_named_like_an_action(tmp_path: Path) -> None:
    assert names(read(tmp_path, {"f1": flags(0.1), "f2": flags(0.2)})) == ["f2", "f1"]


def test_a_rare_outcome_is_predicted_where_it_is_the_only_one(tmp_path: Path) -> None:
    assert names(read(tmp_path, {"purchase": flags(0.005)})) == ["purchase"]


@pytest.mark.parametrize("columns", [{}, {"rating": [1, 2, 3, 4, 5] * 40}, {"seen": [1] * N}, {"is_hate": flags(0.2)}])
def test_without_an_outcome_every_row_is_a_positive(tmp_path: Path, columns: dict[str, Any]) -> None:
    found = read(tmp_path, columns)
    assert names(found) == ["interaction"]
    assert np.all(found.labels_nt == 1)
    assert any("every row counts as a positive" in note for note in found.notes)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([True, False, None] * 66),
        pa.array(["true", "False", None] * 66),
        pa.array(["1", "0", None] * 66),
        pa.array(["Yes", "no", None] * 66),
        pa.array([1.0, 0.0, float("nan")] * 66),
        pa.array([1, 0, None] * 66, pa.int8()),
    ],
    ids=lambda column: str(column.type),
)
def test_labels_in_any_form_and_unknown_ones_stay_unknown(tmp_path: Path, column: pa.Array) -> None:
    found = read(tmp_path, {"clicked": column})
    assert names(found) == ["clicked"]
    np.testing.assert_array_equal(found.labels_nt[:3, 0], [1, 0, np.nan])


def test_names_of_tasks_are_told_apart(tmp_path: Path) -> None:
    found = read(tmp_path, {"is click?": flags(0.4), "is-click": flags(0.3)})
    assert names(found) == ["is_click", "is_click_1"]


def test_tasks_that_the_user_names(tmp_path: Path) -> None:
    columns = {"is_click": flags(0.4), "minutes": [1.0, 2.5, None, 0.0] * 50, "comment text": ["good"] * N}
    found = read(tmp_path, columns, tasks=["minutes", "is_click"])
    assert [(task.name, task.kind) for task in found.tasks] == [("minutes", "value"), ("is_click", "binary")]
    np.testing.assert_array_equal(found.labels_nt[:4, 0], np.array([1.0, 2.5, np.nan, 0.0], np.float32))
    assert (
        "task minutes: 66.7% of the rows that have a value are positives, all above 0, weighed by their size"
        in found.notes
    )
    assert "task is_click: 40.0% of the rows that have a value are positives" in found.notes
    with pytest.raises(InputError, match=r"no column is_clik.*'is_click'"):
        read(tmp_path, columns, tasks=["is_clik"])
    with pytest.raises(InputError, match="comment text"):
        read(tmp_path, columns, tasks=["comment text"])
    with pytest.raises(InputError, match="nothing to predict"):
        read(tmp_path, {"is_click": flags(0.0)}, tasks=["is_click"])


def test_a_column_of_grades_needs_the_least_that_counts(tmp_path: Path) -> None:
    columns = {"rating": pa.array([1.0, 2.0, 3.0, 4.0, 5.0, None] * 33 + [4.0, 4.0]), "item stars": [1, 3] * 100}
    with pytest.raises(InputError, match=r"rating: its column holds grades, 1 to 5.*--task 'rating>=4'"):
        read(tmp_path, columns, tasks=["rating"])
    found = read(tmp_path, columns, tasks=["rating>=4", "rating > 4", "item stars>=2.5"])
    assert [(task.name, task.kind) for task in found.tasks] == [
        ("rating_4", "binary"), ("rating_4_1", "binary"), ("item_stars_2_5", "binary")
    ]  # fmt: skip
    np.testing.assert_array_equal(found.labels_nt[2:6, 0], [0, 1, 1, np.nan])
    np.testing.assert_array_equal(found.labels_nt[2:6, 1], [0, 0, 1, np.nan])
    assert found.ignored_columns == ()
    assert np.all(read(tmp_path, columns, tasks=["item stars>0"]).labels_nt == 1)  # who wants all says so
    with pytest.raises(InputError, match=r"rating>=6: no row has a value >= 6"):
        read(tmp_path, columns, tasks=["rating>=6"])
    with pytest.raises(InputError, match=r"no column ratin .*'rating'"):
        read(tmp_path, columns, tasks=["ratin>=4"])


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=4, max_size=4), min_size=1, max_size=5))
def test_a_chosen_task_always_has_both_kinds_of_rows(columns: list[list[float]]) -> None:
    labels = {f"f{place}": np.array(values, np.float32) for place, values in enumerate(columns)}
    for name in choose(labels):
        assert {0.0, 1.0} <= set(labels[name].tolist())


TITLES = [f"The {word} of {place}" for place in range(5) for word in ("Lord", "House", "Return", "Taste")]
RANDOM = random.Random(4)  # noqa: S311 - no secret
ITEMS: dict[str, tuple[Any, str]] = {
    "title": (TITLES, "multi"),
    "genres": ([["Drama", "Comedy|Drama", "Action|Drama", "Comedy"][place % 4] for place in range(20)], "multi"),
    "listed": ([["['a', 'b']", "['b']", "[]", "['a','c']"][place % 4] for place in range(20)], "multi"),
    "tags": ([[1, 2], [2, 3], None, [3, 1]] * 5, "multi"),
    "maker": (["Acme", "Bolt", "Cork", "Dune"] * 5, "categorical"),
    "author_id": ([9_000_000_000 + place % 6 for place in range(20)], "categorical"),
    "shelf": ([1.0, 2.0, 3.0, None] * 5, "categorical"),
    "is_new": ([True, False] * 10, "categorical"),
    "zip": ([f"0{place % 5}123" for place in range(20)], "categorical"),
    "price": ([RANDOM.random() for _ in range(20)], "numeric"),
    "price_text": ([f"{RANDOM.random():.4f}" for _ in range(20)], "numeric"),
    "pages": ([100 + place // 2 * 37 for place in range(18)] + [5, 6], "categorical"),
    "release_date": ([f"{1 + place % 28:02d}-Jan-{1980 + place}" for place in range(20)], "numeric"),
}


def test_features_of_items(tmp_path: Path) -> None:
    items = {"item_id": list(range(20))} | {name: values for name, (values, _) in ITEMS.items()}
    found = read(tmp_path, {}, items)
    assert {one.name: one.kind for one in found.features} == {name: kind for name, (_, kind) in ITEMS.items()}
    assert {one.side for one in found.features} == {"item"}
    row = found.item_features[found.items.index("1")]
    assert row["title"] == ["the", "house", "of", "0"]
    assert row["genres"] == ["Comedy", "Drama"]
    assert row["listed"] == ["b"]
    assert row["tags"] == ["2", "3"]
    assert (row["author_id"], row["shelf"], row["is_new"], row["zip"]) == ("9000000001", "2", "false", "01123")
    assert row["release_date"] == pytest.approx(1981.0, abs=0.01)
    assert "shelf" not in found.item_features[found.items.index("3")]


def test_every_feature_is_what_the_encoder_reads(tmp_path: Path) -> None:
    items = {"item_id": list(range(20))} | {name: values for name, (values, _) in ITEMS.items()}
    found = read(tmp_path, {}, items)
    encoder = Encoder(ModelConfig(found.tasks, found.features))
    for feature in found.features:
        if feature.kind == "numeric":
            assert np.isfinite(encoder.numbers(feature, found.item_features)).any()
        else:
            assert encoder.values(feature, found.item_features).counts_n.max() > 0


def test_whole_numbers_that_many_rows_share_are_categories() -> None:
    rows = 2000
    table = pa.table(
        {"year": [1900 + place % 90 for place in range(rows)], "views": [place // 3 for place in range(rows)]}
    )
    assert [one.feature.kind for one in guess(table, "item").features] == ["categorical", "numeric"]


IGNORED: dict[str, tuple[Any, str]] = {
    "constant": (["same"] * 20, "the same in every row"),
    "sku_code": (list(range(5000, 5020)), "hardly any row shares a value"),
    "serial": ([place * 7919 % 100_003 for place in range(20)], "different in every row"),
    "image": ([f"img{place}.png" for place in range(20)], "different in every row"),
    "empty": (pa.array([None] * 20, pa.string()), "nearly empty"),
    "vector": ([[0.1, 0.2]] * 20, "holds vectors"),
    "nothing": (pa.nulls(20), "holds no numbers or text"),
    "singles": ([[f"t{place}"] for place in range(20)], "no value is shared"),
}


def test_columns_that_are_no_features_are_named_with_the_reason(tmp_path: Path) -> None:
    items = {"item_id": list(range(20))} | {name: values for name, (values, _) in IGNORED.items()}
    found = read(tmp_path, {}, items)
    assert found.features == ()
    assert found.ignored_columns == tuple(IGNORED)
    for name, (_, reason) in IGNORED.items():
        assert any(re.match(rf"columns? (.*, )?{name}\b.* ignored: {reason}", note) for note in found.notes), name


def test_a_text_file_says_the_same_as_parquet(tmp_path: Path) -> None:
    from pyarrow import csv

    columns = {name: values for name, (values, _) in ITEMS.items() if name not in ("tags", "is_new", "shelf")}
    items = {"item_id": list(range(20))} | columns
    parquet = read(tmp_path, {}, items)
    csv.write_csv(pa.table(items), tmp_path / "items.csv")
    text = read_interactions(tmp_path / "events.parquet", tmp_path / "items.csv")
    assert text.features == parquet.features
    assert text.item_features == parquet.item_features


def test_features_are_bounded_those_of_values_first(tmp_path: Path) -> None:
    numbers = {f"n{place}": [RANDOM.random() for _ in range(20)] for place in range(MOST)}
    values = {f"c{place}": [str((place + row) % 3) for row in range(20)] for place in range(1, 5)}
    found = read(tmp_path, {}, {"item_id": list(range(20))} | numbers | values)
    assert [one.name for one in found.features] == [*values, *(f"n{place}" for place in range(MOST - 4))]
    assert len(found.ignored_columns) == 4


def test_columns_ignored_for_one_reason_share_a_line(tmp_path: Path) -> None:
    items = {"item_id": list(range(20))} | {
        f"number{n}": [n + place / 7 for place in range(20)] for n in range(MOST + 3)
    }
    notes = [note for note in read(tmp_path, {}, items).notes if "beyond" in note]
    assert notes == [f"columns number16, number17, number18 are ignored: beyond {MOST} features"]


def test_a_file_of_items_that_says_several_things_of_an_item_is_called_in_question(tmp_path: Path) -> None:
    items = {"item_id": [*range(20), 3, 3, 4], "bought": [0, 1] * 10 + [1, 1, 1]}
    assert any(
        note.startswith("the file of items has 3 more rows of items that it had before: the first row of each counts")
        for note in read(tmp_path, {}, items).notes
    )
    assert not any("more rows" in note for note in read(tmp_path, {}, {"item_id": list(range(20))}).notes)


def test_names_become_names_of_features(tmp_path: Path) -> None:
    columns = {
        "Ünit Price (€)": ["1", "2"] * 10,
        "nit_Price": ["3", "4"] * 10,
        "价格": ["a", "b"] * 10,
        "x" * 99: ["a", "b"] * 10,
    }
    found = read(tmp_path, {}, {"item_id": list(range(20))} | columns)
    assert [one.name for one in found.features] == ["nit_Price", "nit_Price_2", "column", "x" * 60]


def test_users_and_items_that_never_occur(tmp_path: Path) -> None:
    items = {"item_id": [0, 1, 2, 99, 1], "maker": ["a", "a", "b", "b", "b"]}
    users = {"customer_id": [0, 1, 2, 77], "sex": ["f", "m", "f", "m"]}
    found = read(tmp_path, {}, items, users)
    assert "99" not in found.items
    assert "77" not in found.users
    assert found.dropped == {
        "item never in the interactions": 1, "item described again": 1, "user never in the interactions": 1,
    }  # fmt: skip
    assert found.user_features[0] == {"sex": "f"}
    assert found.item_features[found.items.index("1")] == {"maker": "a"}  # as described first
    assert found.user_features[5] == {}


def test_items_are_offered_from_their_publication(tmp_path: Path) -> None:
    days = ["2023-11-10", "2023-11-20", None, "2023-11-11", "2023-11-30"]
    items = {"item_id": [0, 1, 2, 98, 99], "upload_dt": days, "maker": ["a", "b", "a", "b", "b"]}
    found = read(tmp_path, {}, items)
    published = dict(zip(found.items, found.published_m.tolist(), strict=True))
    assert found.items[:3] == ["0", "98", "1"]
    assert published["0"] == 1_699_574_400_000
    assert published["98"] == 1_699_660_800_000  # never exposed, but could have been offered
    assert published["1"] == (T + 1) * 1000  # exposed before the file says it was there
    assert published["2"] == (T + 2) * 1000
    assert "99" not in published  # after the last event
    assert np.all(np.diff(found.published_m) >= 0)
    assert [one.name for one in found.features] == ["maker"]
    assert "items are offered from the time in column upload_dt" in found.notes
    assert [found.items[item] for item in found.item_n[:4].tolist()] == ["0", "1", "2", "3"]


def test_items_published_at_one_time_are_numbered_by_first_exposure(tmp_path: Path) -> None:
    columns = {"item_id": [3, 1, 2, 1, 0], "timestamp": [T + 9, T + 2, T + 2, T + 4, T]}
    items = {"item_id": [0, 1, 2, 3, 4], "created_at": ["2023-11-01"] * 5}
    found = read(tmp_path, columns, items)
    assert found.items == ["0", "1", "2", "3", "4"]


def test_a_column_named_created_without_times_is_a_feature(tmp_path: Path) -> None:
    found = read(tmp_path, {}, {"item_id": list(range(20)), "created": [1990 + place % 4 for place in range(20)]})
    assert [one.name for one in found.features] == ["created"]
    assert found.published_m[0] == T * 1000


def test_bad_side_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"items.parquet: no column item_id.*'itemz_id'"):
        read(tmp_path, {}, {"itemz_id": [1], "maker": ["a"]})
    with pytest.raises(InputError, match=r"users.parquet: holds no rows"):
        read(tmp_path, {}, None, {"user_id": pa.array([], pa.int64())})
    for strangers in ({"item_id": ["x", "y"]}, {"item_id": ["x", "y"], "created_at": ["2020-01-01"] * 2}):
        with pytest.raises(InputError, match=r"no value of its column item_id occurs in the interactions"):
            read(tmp_path, {}, strangers)


def test_separators_that_explain_nothing_do_not_split() -> None:
    assert separated(["Good, the Bad and the Ugly, The", "Alien", "Heat"]) is None
    assert separated(["(0,10]", "(10,50]", "(50,100]", "0"] * 9) is None
    assert separated(["39", "39,27", "27", "12,39", "12", "27,12"] * 9) is not None


@given(st.lists(st.lists(st.sampled_from("abcdefghijkl"), max_size=12), max_size=8), st.integers(1, 8))
def test_shortened_lists_are_shared_bounded_and_in_order(rows: list[list[str]], most: int) -> None:
    for row, kept in zip(rows, shortened(rows, most), strict=True):
        assert len(kept) <= most
        assert kept == [part for part in dict.fromkeys(row) if part in kept]
        assert all(sum(part in other for other in rows) > 1 for part in kept)


@given(
    st.lists(
        st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["1", "2.5", "2020-01-01", "a|b", "", "nan"])),
        min_size=1,
        max_size=30,
    )
)
def test_no_text_breaks_guessing(values: list[str | None]) -> None:
    guessed = guess(pa.table({"column": pa.array(values, pa.string())}), "item")
    assert len(guessed.features) + len(guessed.ignored) == 1
    for one in guessed.features:
        assert len(one.values) == len(values)
