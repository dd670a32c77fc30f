import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from streamvq_client.errors import FormatError, NewerFormatError

from pipeline.changes import Changes
from pipeline.config import Feature, ModelConfig, Task
from schemas import tensors
from schemas.arrays import DTYPES, decode_rows, encode_rows
from schemas.parameters import (
    COMMIT_KEY,
    CONFIG_KEY,
    ChangesBuilder,
    decode_array,
    decode_config,
    dense_key,
    encode_array,
    encode_config,
    parse_key,
    records_of,
    row_key,
)

dtypes = st.sampled_from(DTYPES)
arrays = dtypes.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
ids = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), unique=True, max_size=8)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def rebuilt(records: Any) -> Changes:
    builder = ChangesBuilder()
    for key, value in records:
        builder.add(key, value)
    return builder.take()


@given(arrays)
def test_an_array_comes_back_as_it_was(array: np.ndarray) -> None:
    back = decode_array(encode_array(array))
    assert same(back, array)
    assert back.flags.writeable


@given(arrays.filter(lambda array: array.ndim > 0))
def test_rows_come_back_and_each_is_an_array_of_its_own(values: np.ndarray) -> None:
    encoded = encode_rows(values)
    assert encoded == [encode_array(row) for row in values]
    if encoded:
        back = decode_rows(encoded)
        assert same(back, values)
        assert back.flags.writeable


def test_the_bytes_of_format_one() -> None:
    row = bytes.fromhex("01000001 02000000 0000803f 000000c0")
    assert encode_array(np.array([1.0, -2.0], np.float32)) == row
    assert decode_array(row).tolist() == [1.0, -2.0]
    (chunk,) = tensors.encode_chunks(np.array([[7]], np.uint8))
    assert chunk == bytes.fromhex("01010702 01000000 01000000 0000000000000000 07")


@pytest.mark.parametrize("order", [">f4", ">i8", "<f4"])
def test_the_byte_order_of_the_machine_does_not_matter(order: str) -> None:
    array = np.arange(6, dtype=order).reshape(2, 3).T
    back = decode_array(encode_array(array))
    assert back.dtype == np.dtype(order).newbyteorder("<")
    np.testing.assert_array_equal(back, array)


def test_arrays_of_other_types_are_not_written() -> None:
    for array in (np.array(["a"]), np.array([None]), np.array([1j])):
        with pytest.raises(ValueError, match="not written to Kafka"):
            encode_array(array)


@given(st.binary(max_size=64))
def test_any_bytes_are_an_array_or_our_error(data: bytes) -> None:
    for value in (data, b"\x01\x00" + data, b"\x01\x01" + data):
        try:
            array = decode_array(value)
        except FormatError:
            continue
        assert len(array.tobytes()) < len(value)


def test_an_array_has_the_bytes_its_header_says() -> None:
    whole = encode_array(np.zeros((2, 3), np.float32))
    (chunk,) = tensors.encode_chunks(np.zeros((2, 3), np.float32))
    for value in (whole[:-1], whole + b"\0", chunk):
        with pytest.raises(FormatError, match="not a whole array"):
            decode_array(value)


@pytest.mark.parametrize("dims", [[1] * 65, [1] * 9, [0] + [2**32 - 1] * 5, [2**30, 2**30]])
def test_a_shape_that_no_memory_holds_is_not_made(dims: list[int]) -> None:
    declared = struct.pack(f"<4B{len(dims)}I", 1, 0, 0, len(dims), *dims) + bytes(4)
    for decode in (decode_array, lambda value: decode_rows([value, value])):
        with pytest.raises(FormatError, match="it declares"):
            decode(declared)


def test_a_newer_format_asks_for_an_update() -> None:
    with pytest.raises(NewerFormatError, match="update streamvq"):
        decode_array(b"\x02\x00\x00\x00")


def test_rows_of_one_table_have_one_shape() -> None:
    row = encode_array(np.zeros(4, np.float32))
    for other in (np.zeros(5, np.float32), np.zeros((2, 2), np.float32), np.zeros(4, np.int32)):
        with pytest.raises(FormatError, match="differ"):
            decode_rows([row, encode_array(other)])
    with pytest.raises(FormatError):
        decode_rows(list(tensors.encode_chunks(np.zeros(4))))


tables = st.dictionaries(st.sampled_from(["item", "user", "item-category"]), ids)


@given(tables, tables, st.dictionaries(st.sampled_from(["tower.0.weight", "code.sum"]), arrays), st.integers(0, 3))
def test_changes_come_back_as_they_were(
    rows: dict[str, list[str]], removed: dict[str, list[str]], dense: dict[str, np.ndarray], width: int
) -> None:
    changes = Changes(dense=dense)
    for table, names in rows.items():
        changes.put(table, names, np.random.default_rng(0).random((len(names), width), np.float32))
    for table, names in removed.items():
        changes.remove(table, [name for name in names if name not in rows.get(table, [])])
    back = rebuilt(records_of(changes))
    assert back.removed == changes.removed
    assert {table: names for table, (names, _) in back.rows.items()} == {t: n for t, (n, _) in changes.rows.items()}
    assert all(same(back.rows[table][1], values) for table, (_, values) in changes.rows.items())
    assert back.dense.keys() == dense.keys()
    assert all(same(back.dense[name], tensor) for name, tensor in dense.items())


def test_keys() -> None:
    assert row_key("item", "a/b/ü") == "item/a/b/ü".encode()
    assert parse_key(row_key("item", "a/b/ü")) == ("item", "a/b/ü")
    assert parse_key(row_key("item", "")) == ("item", "")
    assert parse_key(dense_key("tower.0.weight", 12)) == ("tower.0.weight", "12")
    changes = Changes(rows={"item": (["a/b"], np.zeros((1, 2), np.float32))}, removed={"item": ["c"]})
    assert [key for key, _ in records_of(changes)] == [row_key("item", "a/b"), row_key("item", "c")]
    for key in (COMMIT_KEY, CONFIG_KEY, b"/x", b"\xff/x", b""):
        with pytest.raises(FormatError):
            parse_key(key)


@pytest.mark.parametrize(
    "changes",
    [
        Changes(rows={"a/b": (["x"], np.zeros((1, 1)))}),
        Changes(rows={"a.b": (["x"], np.zeros((1, 1)))}),
        Changes(removed={"": ["x"]}),
        Changes(dense={"nodot": np.zeros(1)}),
        Changes(dense={"a.b/c": np.zeros(1)}),
    ],
)
def test_names_that_would_break_the_keys_are_not_written(changes: Changes) -> None:
    with pytest.raises(ValueError, match="tensors hold a dot, tables none"):
        list(records_of(changes))


def test_the_last_record_of_a_key_wins() -> None:
    one, two = encode_array(np.array([1.0])), encode_array(np.array([2.0]))
    back = rebuilt([(b"t/a", one), (b"t/b", one), (b"t/a", two), (b"t/b", None), (b"t/c", None), (b"t/c", two)])
    assert back.removed == {"t": ["b"]}
    assert (back.rows["t"][0], back.rows["t"][1].tolist()) == (["a", "c"], [[2.0], [2.0]])


def test_taking_begins_anew() -> None:
    builder = ChangesBuilder()
    builder.add(b"t/a", encode_array(np.array([1.0])))
    builder.add(b"t/b", None)
    assert len(builder) == 2
    assert builder.take()
    assert not builder.take()
    assert len(builder) == 0


class TestTensors:
    """Dense tensors in parts."""

    big = np.random.default_rng(0).random(3 * tensors.CHUNK_BYTES // 8 + 5)

    def records(self, array: np.ndarray) -> list[tuple[bytes, bytes | None]]:
        return list(records_of(Changes(dense={"a.b": array})))

    def test_a_large_one_is_cut_into_records_that_kafka_takes(self) -> None:
        records = self.records(self.big)
        assert [key for key, _ in records] == [dense_key("a.b", number) for number in range(4)]
        assert max(len(value or b"") for _, value in records) <= tensors.CHUNK_BYTES + 64
        assert same(rebuilt(records).dense["a.b"], self.big)
        assert same(rebuilt(reversed(records)).dense["a.b"], self.big)

    def test_a_missing_part_is_noticed(self) -> None:
        records = self.records(self.big)
        for missing in range(4):
            with pytest.raises(FormatError, match=r"tensor a\.b: bytes from \d+ of \d+ are missing"):
                rebuilt(records[:missing] + records[missing + 1 :])

    def test_parts_of_an_earlier_shape_are_not_mixed_in(self) -> None:
        small = np.arange(3.0)
        assert same(rebuilt(self.records(self.big) + self.records(small)).dense["a.b"], small)
        stale = self.records(self.big)[1:]
        assert same(rebuilt(stale + self.records(small)).dense["a.b"], small)

    @pytest.mark.parametrize(("before", "after"), [(1024, 512), (512, 1024), (512, 768)])
    def test_parts_of_another_size_are_not_mixed_in(
        self, before: int, after: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old, new = np.zeros(1000), np.arange(1000.0)
        monkeypatch.setattr(tensors, "CHUNK_BYTES", before)
        latest = dict(self.records(old))
        monkeypatch.setattr(tensors, "CHUNK_BYTES", after)
        fresh = dict(self.records(new))
        left = [(key, value) for key, value in latest.items() if key not in fresh]
        assert same(rebuilt(left + list(fresh.items())).dense["a.b"], new)

    def test_a_part_that_is_too_long(self) -> None:
        with pytest.raises(FormatError, match="17 bytes for float64"):
            rebuilt([(key, (value or b"") + b"\0") for key, value in self.records(np.zeros(2))])

    def test_a_row_is_not_a_part(self) -> None:
        with pytest.raises(FormatError, match="not a part"):
            rebuilt([(b"a.b/0", encode_array(np.zeros(2)))])

    def test_nothing_of_it_was_read(self) -> None:
        with pytest.raises(FormatError, match="no part"):
            tensors.TensorParts("a.b").join()

    def test_an_empty_value_removes_no_tensor(self) -> None:
        assert not rebuilt([(b"a.b/7", None)])


CONFIG = ModelConfig(tasks=(Task("click"), Task("watch_s", "value")), features=(Feature("category", "item", "multi"),))


def test_the_configuration_comes_back() -> None:
    assert decode_config(encode_config(CONFIG)) == CONFIG


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"tasks":1}',
        b'{"tasks":[1]}',
        b'{"tasks":[{}]}',
        b"[" * 100_000,
        json.dumps(CONFIG.to_dict() | {"batch": "x"}).encode(),
    ],
)
def test_what_is_no_configuration(value: bytes) -> None:
    with pytest.raises(FormatError, match="not a model configuration"):
        decode_config(value)
