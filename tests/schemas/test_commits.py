import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamvq_client.errors import FormatError, NewerFormatError

from schemas import commit as commits
from schemas.commit import Commit, decode_commit, encode_commit, first_version

RECORDED = (
    b'{"v":1,"version":1782579200000000001,"clock":4096,"offsets":{"0":17,"3":5},"within":{"3":2},'
    b'"config_hash":"0123456789abcdef","time_ms":1700000000000,"publish_ms":12.5,"metrics":{"loss":2.5}}'
)
COMMIT = Commit(
    version=1782579200000000001,
    clock=4096,
    offsets={0: 17, 3: 5},
    within={3: 2},
    config_hash="0123456789abcdef",
    time_ms=1_700_000_000_000,
    publish_ms=12.5,
    metrics={"loss": 2.5},
)
counts = st.integers(0, 2**63 - 1)


def test_format_one_stays_readable_and_is_what_is_written() -> None:
    assert decode_commit(RECORDED) == COMMIT
    assert encode_commit(COMMIT) == RECORDED


@given(
    st.builds(
        Commit,
        version=counts,
        clock=counts,
        offsets=st.dictionaries(st.integers(0, 1000), counts),
        within=st.dictionaries(st.integers(0, 1000), counts),
        config_hash=st.text(),
        time_ms=counts,
        publish_ms=st.floats(0, 1e9),
        metrics=st.dictionaries(st.text(), st.floats(-1e300, 1e300)),
    )
)
def test_a_commit_comes_back(commit: Commit) -> None:
    assert decode_commit(encode_commit(commit)) == commit


def test_metrics_that_are_not_finite_are_left_out() -> None:
    metrics = {"a": math.nan, "b": math.inf, "c": 1.0}
    commit = Commit(version=1, clock=2, offsets={}, config_hash="", time_ms=3, metrics=metrics)
    assert decode_commit(encode_commit(commit)).metrics == {"c": 1.0}


@given(st.binary(max_size=100))
def test_any_bytes_are_a_commit_or_our_error(value: bytes) -> None:
    try:
        decode_commit(value)
    except FormatError:
        return
    pytest.fail("random bytes are hardly a commit")


@pytest.mark.parametrize("value", [b"", b"{}", b"[" * 100_000, RECORDED.replace(b"4096", b"-1"), b"\xff"])
def test_what_is_no_commit(value: bytes) -> None:
    with pytest.raises(FormatError, match="not a commit"):
        decode_commit(value)


def test_a_newer_format_asks_for_an_update() -> None:
    with pytest.raises(NewerFormatError, match="format version 2"):
        decode_commit(b'{"v":2}')


@given(st.none() | st.integers(0, 2**62), st.integers(0, 2**42))
def test_versions_only_grow(last: int | None, now_ms: int) -> None:
    version = first_version(last, now_ms)
    assert version >= now_ms << 20
    assert last is None or version > last
    assert version in {now_ms << 20, (last or 0) + 1}


def test_the_first_version_leaves_room_until_the_next_millisecond() -> None:
    assert first_version(first_version(None, 5), 6) == 6 << 20


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(commits).failed == 0
