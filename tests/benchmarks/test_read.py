"""Files of interactions: what is read, what is left out, and what is said about files that cannot be used."""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.data.errors import InputError
from benchmarks.data.reading import read_folder, read_interactions
from benchmarks.interactions import Interactions
from schemas.errors import SettingsError

T = 1_700_000_000
ROWS = [("ann", "tea", T), ("bob", "jam", T + 5), ("ann", "jam", T + 5), ("cat", "tea", T + 60)]
HEADER = ("user_id", "item_id", "timestamp")


def write(path: Path, rows: list[Any], header: tuple[str, ...] = HEADER, delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def events(read: Interactions) -> list[tuple[str, str, int]]:
    triples = zip(read.user_n.tolist(), read.item_n.tolist(), read.time_n.tolist(), strict=True)
    return [(read.users[user], read.items[item], time) for user, item, time in triples]


EXPECTED = [(user, item, time * 1000) for user, item, time in ROWS]


def test_a_plain_file(tmp_path: Path) -> None:
    read = read_interactions(write(tmp_path / "shop.csv", ROWS))
    assert read.name == "shop"
    assert events(read) == EXPECTED
    assert read.items == ["tea", "jam"]
    assert read.published_m.tolist() == [T * 1000, (T + 5) * 1000]
    assert [task.name for task in read.tasks] == ["interaction"]
    assert read.labels_nt.tolist() == [[1.0]] * 4
    assert read.dropped == {}
    assert (read.user_n.dtype, read.item_n.dtype, read.time_n.dtype) == (np.int32, np.int32, np.int64)
    assert read.labels_nt.dtype == np.float32


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    assert events(read_interactions(write(tmp_path / "shop.csv", ROWS, delimiter=delimiter))) == EXPECTED


def test_gzip_parquet_and_cp1252_read_the_same(tmp_path: Path) -> None:
    plain = write(tmp_path / "shop.csv", [("zoë", "thé", T), ("ann", "jam", T + 1)])
    text = plain.read_text(encoding="utf-8")
    (tmp_path / "zipped.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "old.csv").write_bytes(text.encode("cp1252"))
    (tmp_path / "marked.csv").write_bytes(text.encode("utf-8-sig"))
    table = pa.table({"user_id": ["zoë", "ann"], "item_id": ["thé", "jam"], "timestamp": [T, T + 1]})
    pq.write_table(table, tmp_path / "shop.parquet")
    expected = events(read_interactions(plain))
    for name in ("zipped.csv.gz", "old.csv", "marked.csv", "shop.parquet"):
        assert events(read_interactions(tmp_path / name)) == expected, name


MOMENT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # T
STEP = timedelta(seconds=5)
FORMS = {
    "seconds": [T, T + 5],
    "seconds with a fraction": [T + 0.25, T + 5.25],
    "milliseconds": [T * 10**3, (T + 5) * 10**3],
    "microseconds": [T * 10**6, (T + 5) * 10**6],
    "nanoseconds": [T * 10**9, (T + 5) * 10**9],
    "ISO": ["2023-11-14 22:13:20", "2023-11-14 22:13:25"],
    "ISO with Z": ["2023-11-14T22:13:20Z", "2023-11-14T22:13:25Z"],
    "ISO with a zone": ["2023-11-15T03:43:20+05:30", "2023-11-14T22:13:25+00:00"],
    "ISO with nanoseconds": ["2023-11-14T22:13:20.000000001", "2023-11-14T22:13:25.000000001"],
    "UTC written out": ["2023-11-14 22:13:20 UTC", "2023-11-14 22:13:25 UTC"],
    "American": ["11/14/2023 22:13:20", "11/14/2023 22:13:25"],
    "European": ["14.11.2023 22:13:20", "14.11.2023 22:13:25"],
}


@pytest.mark.parametrize("form", FORMS)
def test_times_in_any_form(tmp_path: Path, form: str) -> None:
    first, second = FORMS[form]
    read = read_interactions(write(tmp_path / "a.csv", [("a", "x", first), ("b", "y", second)]))
    assert read.time_n.tolist() == [T * 1000 + 250 * ("fraction" in form), T * 1000 + 5000 + 250 * ("fraction" in form)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([MOMENT, MOMENT + STEP], pa.timestamp("us", "UTC")),
        pa.array([MOMENT, MOMENT + STEP], pa.timestamp("ms", "Asia/Kolkata")),
        pa.array([MOMENT.replace(tzinfo=None), (MOMENT + STEP).replace(tzinfo=None)], pa.timestamp("ns")),
        pa.array([float(T), float(T + 5)]),
        pa.array([T, T + 5], pa.uint64()),
        pa.array(["2023-11-14T22:13:20Z", "2023-11-14T22:13:25Z"]).dictionary_encode(),
    ],
    ids=str,
)
def test_times_of_parquet(tmp_path: Path, column: pa.Array) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": column}), path)
    assert read_interactions(path).time_n.tolist() == [T * 1000, T * 1000 + 5000]


def test_dates_without_a_clock(tmp_path: Path) -> None:
    expected = [int(datetime(2013, 5, day, tzinfo=UTC).timestamp()) * 1000 for day in (28, 29)]
    for first, second in (("20130528", "20130529"), ("2013-05-28", "2013-05-29"), ("5/28/2013", "5/29/2013")):
        read = read_interactions(write(tmp_path / "a.csv", [("a", "x", first), ("b", "y", second)]))
        assert read.time_n.tolist() == expected


def test_unsorted_rows_are_sorted_and_ties_keep_their_order(tmp_path: Path) -> None:
    rows = [("a", "late", T + 9), ("b", "two", T), ("c", "one", T), ("d", "late", T + 1)]
    read = read_interactions(write(tmp_path / "a.csv", rows))
    assert [user for user, _, _ in events(read)] == ["b", "c", "d", "a"]
    assert read.items == ["two", "one", "late"]
    assert any("not in order of time" in note for note in read.notes)
    ordered = read_interactions(write(tmp_path / "b.csv", sorted(rows, key=lambda row: row[2])))
    assert not any("order" in note for note in ordered.notes)


def test_times_finer_than_a_millisecond_still_order_the_rows(tmp_path: Path) -> None:
    rows = [("a", "x", T * 10**6 + 7), ("b", "y", T * 10**6 + 3)]
    read = read_interactions(write(tmp_path / "a.csv", rows))
    assert [user for user, _, _ in events(read)] == ["b", "a"]


def test_a_finer_column_of_the_same_times_is_taken(tmp_path: Path) -> None:
    rows = [("a", "x", T, T * 1000 + 900), ("b", "y", T, T * 1000 + 100)]
    read = read_interactions(write(tmp_path / "a.csv", rows, (*HEADER, "time_ms")))
    assert read.time_n.tolist() == [T * 1000 + 100, T * 1000 + 900]
    other = read_interactions(write(tmp_path / "b.csv", [("a", "x", T, 7), ("b", "y", T, 9)], (*HEADER, "time_ms")))
    assert other.time_n.tolist() == [T * 1000, T * 1000]


def test_what_cannot_be_used_is_left_out_and_counted(tmp_path: Path) -> None:
    rows = [*ROWS, ("", "tea", T), ("ann", "NaN", T), ("ann", "tea", ""), ROWS[0], ROWS[0], (" ", "tea", T)]
    read = read_interactions(write(tmp_path / "a.csv", rows))
    assert events(read) == EXPECTED
    assert read.dropped == {"no user": 2, "no item": 1, "no time": 1, "duplicate row": 2}


def test_users_and_items_of_rows_left_out_are_not_there(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [("eve", "gin", ""), *ROWS, ("fay", "rum", "")])
    write(tmp_path / "items.csv", [("gin", 2.5), ("tea", 3.5), ("rum", 1.5)], ("item_id", "price"))
    read = read_interactions(tmp_path / "a.csv", tmp_path / "items.csv")
    assert (read.users, read.items) == (["ann", "bob", "cat"], ["tea", "jam"])
    assert read.item_features == [{"price": 3.5}, {}]
    assert read.published_m.tolist() == [T * 1000, T * 1000 + 5000]
    with pytest.raises(InputError, match="one item, 'x'"):
        read_interactions(write(tmp_path / "b.csv", [("a", "x", T), ("b", "x", T), ("b", "y", "")]))


def test_blank_times_are_no_times(tmp_path: Path) -> None:
    rows = [("a", "x", "2023-11-14"), ("b", "y", "  "), ("c", "z", "2023-11-15")]
    read = read_interactions(write(tmp_path / "a.csv", rows))
    assert (read.users, read.dropped) == (["a", "c"], {"no time": 1})


def test_nulls_and_nans_of_parquet_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {
        "user_id": pa.array([1.0, None, float("nan"), 2.0, 3.0, 1.0]),
        "item_id": pa.array([7, 7, 8, None, 8, 9]),
        "timestamp": pa.array([float(T), T, T, T, float("nan"), T + 1]),
    }
    pq.write_table(pa.table(columns), path)
    read = read_interactions(path)
    assert events(read) == [("1", "7", T * 1000), ("1", "9", T * 1000 + 1000)]
    assert read.dropped == {"no user": 2, "no item": 1, "no time": 1}


def test_rows_that_any_column_tells_apart_are_no_duplicates(tmp_path: Path) -> None:
    rows = [("a", "x", T, "i1", 1.5), ("a", "x", T, "i2", 1.5), ("a", "x", T, "i2", 2.5), ("b", "y", T, "i2", 2.5)]
    header = (*HEADER, "invoice", "amount")
    read = read_interactions(write(tmp_path / "a.csv", [*rows, rows[1]], header))
    assert len(read) == 4
    assert read.dropped == {"duplicate row": 1}
    assert read.ignored_columns == ("invoice", "amount")


def test_row_numbers_of_another_program_do_not_hide_duplicates(tmp_path: Path) -> None:
    rows = [(number, *row) for number, row in enumerate([*ROWS, ROWS[0]])]
    assert read_interactions(write(tmp_path / "a.csv", rows, ("", *HEADER))).dropped == {"duplicate row": 1}


ALIASES = {
    ("userId", "movieId", "timestamp"): None,
    ("CustomerID", "StockCode", "InvoiceDate"): "InvoiceDate is taken as the time",
    ("visitor_id", "product", "event_time"): "product is taken as the item",
    ("USER", "Item-ID", "ts"): "USER is taken as the user",
}


@pytest.mark.parametrize("header", ALIASES)
def test_customary_names_are_understood_and_said(tmp_path: Path, header: tuple[str, ...]) -> None:
    read = read_interactions(write(tmp_path / "a.csv", ROWS, header))
    assert events(read) == EXPECTED
    said = ALIASES[header]
    assert said is None or any(said in note for note in read.notes)


def test_ids_are_one_whatever_their_type(tmp_path: Path) -> None:
    interactions = write(tmp_path / "a.csv", [("7.0", "1", T), (" 7", "2.0", T + 1), ("8", "1", T + 2)])
    pq.write_table(pa.table({"user_id": [7, 8], "age": [30.5, 40.5]}), tmp_path / "users.parquet")
    read = read_interactions(interactions, users=tmp_path / "users.parquet")
    assert read.users == ["7", "8"]
    assert read.user_features == [{"age": 30.5}, {"age": 40.5}]


def test_a_folder_of_files(tmp_path: Path) -> None:
    write(tmp_path / "interactions.csv", ROWS)
    write(tmp_path / "items.csv", [("tea", 2.5), ("jam", 3.5)], ("item_id", "price"))
    read = read_folder(tmp_path)
    assert read.name == tmp_path.name
    assert [feature.name for feature in read.features] == ["price"]
    with pytest.raises(InputError, match="no file interactions"):
        read_folder(tmp_path / "absent")


def test_one_user_is_read(tmp_path: Path) -> None:
    read = read_interactions(write(tmp_path / "a.csv", [("a", "x", T), ("a", "y", T + 1), ("a", "x", T + 2)]))
    assert (read.users, read.items) == (["a"], ["x", "y"])


def parquet_with(column: pa.Array) -> pa.Table:
    return pa.table({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": column})


BAD: dict[str, tuple[bytes, list[str]]] = {
    "a misnamed column": (b"usr_id,item_id,timestamp\n1,2,3\n", ["user_id", "'usr_id'", "Rename it"]),
    "a missing column": (b"user_id,item_id\n1,2\n", ["timestamp", "event_time", "'user_id', 'item_id'"]),
    "no header": (b"196,242,881250949\n186,302,891717742\n", ["holds values, not names"]),
    "no header, and an action": (b"1,2268318,pv,1511544070\n1,2333346,pv,1511561733\n", ["holds values, not names"]),
    "an empty file": (b"", ["is empty"]),
    "blank lines": (b"\n\n", ["is empty"]),
    "names only": (b"user_id,item_id,timestamp\n", ["no rows"]),
    "one item": (b"user_id,item_id,timestamp\n1,2,3\n2,2,4\n", ["one item", "'2'", "nothing to choose"]),
    "only unusable rows": (b"user_id,item_id,timestamp\n,2,3\n1,,4\n", ["no row can be used", "1 x no user"]),
    "a row too short": (b"user_id,item_id,timestamp\n1,2,3\n1,2\n", ["Expected 3 columns, got 2"]),
    "a word for a time": (b"user_id,item_id,timestamp\n1,2,yesterday\n1,3,today\n", ["'yesterday' in data row 1"]),
    "one bad time": (
        b"user_id,item_id,timestamp\n1,2,2020-01-01\n1,3,2020-13-45\n", ["'2020-13-45' in data row 2 is no time"],
    ),
    "a word among numbers": (
        b"user_id,item_id,timestamp\n1,2,1700000000\n1,3,1700000001\n1,4,soon\n", ["'soon' in data row 3 is no time"],
    ),
    "day or month": (b"user_id,item_id,timestamp\n1,2,1/2/2020\n1,3,3/4/2020\n", ["'1/2/2020'", "may be the month"]),
    "mixed units": (
        b"user_id,item_id,timestamp\n1,2,1700000000\n1,3,1700000000000\n", ["bad.csv: column timestamp mixes units"],
    ),
    "a name twice": (b"user_id,item_id,item_id,timestamp\n1,2,2,3\n", ["two columns are named 'item_id'"]),
    "not text": (b"PK\x03\x04\x00\x00user_id,item_id,timestamp\n", ["is not text"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_message_that_says_what_to_do(tmp_path: Path, name: str) -> None:
    content, parts = BAD[name]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_interactions(path)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, SettingsError)
    assert caught.value.exit_code == 2


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_interactions(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_interactions(tmp_path)
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"unknown kind of file.*CSV or Parquet"):
        read_interactions(tmp_path / "a.xlsx")
    (tmp_path / "a.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(InputError, match="cannot be read"):
        read_interactions(tmp_path / "a.parquet")
    whole = gzip.compress(b"user_id,item_id,timestamp\n" + b"1,2,3\n" * 1000)
    (tmp_path / "cut.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(InputError, match="Is it complete"):
        read_interactions(tmp_path / "cut.csv.gz")


def test_a_parquet_file_without_rows_or_with_strange_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(parquet_with(pa.array([T, T])).slice(0, 0), path)
    with pytest.raises(InputError, match="no rows"):
        read_interactions(path)
    pq.write_table(parquet_with(pa.array([[T], [T]])), path)
    with pytest.raises(InputError, match="timestamp holds list"):
        read_interactions(path)
    pq.write_table(pa.table({"user_id": [[1], [2]], "item_id": [1, 2], "timestamp": [T, T]}), path)
    with pytest.raises(InputError, match="user_id holds list"):
        read_interactions(path)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(T, T + 20)), min_size=2, max_size=40).filter(
        lambda rows: len({item for _, item, _ in rows}) > 1
    )
)
def test_every_row_is_read_or_counted(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int]]
) -> None:
    read = read_interactions(write(tmp_path_factory.mktemp("rows") / "a.csv", rows))
    distinct = list(dict.fromkeys(rows))
    assert events(read) == [(str(u), str(i), t * 1000) for u, i, t in sorted(distinct, key=lambda row: row[2])]
    assert read.dropped.get("duplicate row", 0) == len(rows) - len(distinct)
    assert np.all(np.diff(read.published_m) >= 0)
    first = {item: read.time_n[read.item_n == item].min() for item in range(len(read.items))}
    assert list(first.values()) == read.published_m.tolist()
