import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamvq_client.errors import FormatError, NewerFormatError
from streamvq_client.rows import (
    ClusterRow,
    HistoryRow,
    ItemIndexRow,
    ItemRow,
    Row,
    decode_cluster,
    decode_history,
    decode_item,
    decode_item_index,
    encode,
)

DECODERS: dict[type, Any] = {
    ItemRow: decode_item,
    ItemIndexRow: decode_item_index,
    ClusterRow: decode_cluster,
    HistoryRow: decode_history,
}

# What release 0.1 wrote. These never change: they are in people's topics.
RECORDED: list[tuple[bytes, Row]] = [
    (
        b'{"v":1,"features":{"category":["a","b"],"price":3.5},"attributes":{"title":"\xe2\x80\xa6"},"published":1700000000000}',
        ItemRow({"category": ["a", "b"], "price": 3.5}, {"title": "…"}, 1700000000000),
    ),
    (
        b'{"v":1,"features":{},"attributes":{},"published":1700000000000,"deleted":1700000000001}',
        ItemRow({}, {}, 1700000000000, deleted=1700000000001),
    ),
    (b'{"v":1,"features":{},"attributes":{},"published":5,"bare":true}', ItemRow({}, {}, 5, bare=True)),
    (
        (
            b'{"v":1,"clusters":[17],"bias":[0.25],"popularity":[1.5,-2.0],"exposures":7,'
            b'"version":1782579200000000001,"time":1700000000123,"published":1700000000000}'
        ),
        ItemIndexRow([17], [0.25], [1.5, -2.0], 7, 1782579200000000001, 1700000000123, 1700000000000),
    ),
    (b'{"v":1,"items":3,"exposures":40,"time":1700000000123}', ClusterRow(3, 40, 1700000000123)),
    (b'{"v":1,"items":["i1","i2"],"times":[1,2]}', HistoryRow(["i1", "i2"], [1, 2])),
]

whole = st.integers(-(2**63), 2**63 - 1)
counts = st.integers(0, 2**63 - 1)
numbers = st.floats(-1e300, 1e300)
plain = st.recursive(
    st.none() | st.booleans() | whole | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
features = st.dictionaries(st.text(), plain, max_size=4)
rows = st.one_of(
    st.builds(ItemRow, features, features, whole, st.none() | whole, st.booleans()),
    st.builds(
        ItemIndexRow,
        st.lists(st.integers(-1, 2**31 - 1), max_size=3),
        st.lists(numbers, max_size=3),
        st.lists(numbers, max_size=4),
        counts,
        whole,
        whole,
        whole,
    ),
    st.builds(ClusterRow, counts, counts, whole),
    st.lists(st.tuples(st.text(), whole), max_size=5).map(
        lambda pairs: HistoryRow([item for item, _ in pairs], [time for _, time in pairs])
    ),
)


@given(rows)
def test_what_is_written_is_read(row: Row) -> None:
    assert DECODERS[type(row)](encode(row)) == row
    assert json.loads(encode(row))["v"] == 1


@pytest.mark.parametrize(("value", "row"), RECORDED)
def test_format_one_stays_readable_and_is_what_is_written(value: bytes, row: Row) -> None:
    assert DECODERS[type(row)](value) == row
    assert encode(row) == value


@given(st.binary(max_size=200) | plain.map(lambda value: json.dumps(value).encode()), st.sampled_from(list(DECODERS)))
def test_any_bytes_are_a_row_or_our_error(value: bytes, row_type: type) -> None:
    try:
        row = DECODERS[row_type](value)
    except FormatError:
        return
    assert isinstance(row, row_type)


@pytest.mark.parametrize("row_type", DECODERS)
@pytest.mark.parametrize(
    "value", [b"", b"null", b"[" * 100_000, b'{"v":1', b'{"v":0}', b'{"v":"1"}', b'{"v":1}', b"\xff"]
)
def test_what_is_no_row_is_refused(row_type: type, value: bytes) -> None:
    with pytest.raises(FormatError):
        DECODERS[row_type](value)


@pytest.mark.parametrize("row_type", DECODERS)
def test_a_newer_format_asks_for_an_update(row_type: type) -> None:
    with pytest.raises(NewerFormatError, match=f"{row_type.__name__} has format version 2.*update streamvq"):
        DECODERS[row_type](b'{"v":2,"shape":"unknown"}')


def test_fields_of_a_later_release_are_skipped() -> None:
    assert decode_cluster(b'{"v":1,"items":1,"exposures":2,"time":3,"colour":"red"}') == ClusterRow(1, 2, 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_row_that_no_reader_could_read_is_not_written(bad: float) -> None:
    for bias, popularity in (([bad], [0.0]), ([0.0], [1.0, bad]), ([bad], [-bad])):
        with pytest.raises(FormatError, match="finite"):
            encode(ItemIndexRow([0], bias, popularity, 0, 1, 2, 3))


def test_a_history_has_a_time_for_every_item() -> None:
    with pytest.raises(FormatError, match="1 items, 2 times"):
        decode_history(b'{"v":1,"items":["i"],"times":[1,2]}')
