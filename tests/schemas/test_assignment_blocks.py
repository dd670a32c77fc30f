import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamvq_client.errors import FormatError, NewerFormatError
from streamvq_client.partitioner import partition_of

from schemas.assignments import AssignmentBlock, decode, encode

COLUMNS = ("clusters", "bias", "popularity", "exposures")
item_ids = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, max_size=20)


def block(ids: list[str], facets: int = 1, tasks: int = 2, half_lives: int = 4) -> AssignmentBlock:
    rng, n = np.random.default_rng(len(ids)), len(ids)
    return AssignmentBlock(
        version=1 << 60,
        clock=7,
        ids=ids,
        clusters=rng.integers(-1, 1 << 20, (n, facets), np.int32),
        bias=rng.random((n, tasks), np.float32),
        popularity=rng.random((n, half_lives)) * 1e6,
        exposures=rng.integers(0, 1 << 32, n, np.uint32),
    )


def same(one: AssignmentBlock, other: AssignmentBlock) -> bool:
    heads = (one.version, one.clock, one.ids) == (other.version, other.clock, other.ids)
    return heads and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)


@given(item_ids, st.integers(0, 3), st.integers(0, 3), st.integers(0, 4))
def test_a_block_comes_back(ids: list[str], facets: int, tasks: int, half_lives: int) -> None:
    sent = block(ids, facets, tasks, half_lives)
    back = decode(encode(sent))
    assert same(back, sent)
    assert len(back) == len(ids)
    for name in COLUMNS:
        assert getattr(back, name).dtype == getattr(sent, name).dtype


def test_the_bytes_of_format_one() -> None:
    recorded = bytes.fromhex(
        "9b01cf10000000000000000701010191a26931"  # format, version, clock, facets, tasks, half-lives, ids
        "c404ffffffffc4040000003fc408000000000000f03fc40405000000"
    )
    sent = AssignmentBlock(
        1 << 60,
        7,
        ["i1"],
        np.array([[-1]], np.int32),
        np.array([[0.5]], np.float32),
        np.array([[1.0]]),
        np.array([5], np.uint32),
    )
    assert encode(sent) == recorded
    assert same(decode(recorded), sent)


@given(item_ids, st.integers(1, 8), st.integers(1, 5))
def test_every_row_goes_home_once_in_order(ids: list[str], partitions: int, max_rows: int) -> None:
    whole = block(ids)
    by_partition: dict[int, list[str]] = {}
    for partition, part in whole.split(partitions, max_rows):
        assert 0 < len(part) <= max_rows
        by_partition.setdefault(partition, []).extend(part.ids)
        for row, item in enumerate(part.ids):
            at = ids.index(item)
            for name in COLUMNS:
                np.testing.assert_array_equal(getattr(part, name)[row], getattr(whole, name)[at])
    wanted = {
        home: [item for item in ids if partition_of(item.encode(), partitions) == home] for home in range(partitions)
    }
    assert by_partition == {home: items for home, items in wanted.items() if items}


@given(st.binary(max_size=100))
def test_any_bytes_are_a_block_or_our_error(value: bytes) -> None:
    for data in (value, b"\x9b\x01" + value):
        try:
            decode(data)
        except FormatError:
            continue
        pytest.fail("random bytes are hardly a block")


def test_a_column_of_another_length_is_refused() -> None:
    wire = msgspec.msgpack.decode(encode(block(["a", "b"])))
    for place in range(7, 11):
        with pytest.raises(FormatError, match="bytes for"):
            decode(msgspec.msgpack.encode([*wire[:place], wire[place] + b"\0", *wire[place + 1 :]]))


def test_columns_that_do_not_fit_are_not_made() -> None:
    good = block(["a", "b"])
    for name in COLUMNS:
        columns = {other: getattr(good, other) for other in COLUMNS} | {name: getattr(good, name)[:1]}
        with pytest.raises(ValueError, match=f"{name} has shape"):
            AssignmentBlock(1, 2, ["a", "b"], **columns)


def test_a_newer_format_asks_for_an_update() -> None:
    with pytest.raises(NewerFormatError, match="format version 2"):
        decode(msgspec.msgpack.encode([2, "whatever"]))
