import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import LIMITS, Candidate, Deletion, EventError, Reason, Tally, decode_candidate

NOW = 1_700_000_000_000
ITEM = {
    "item_id": "i42",
    "timestamp": NOW - 5,
    "features": {"category": ["a", "b"], "price": 3.5},
    "attributes": {"title": "…", "sizes": [{"w": 1}], "big": 2**63 - 1},
}
DECODED = Candidate("i42", NOW - 5, ITEM["features"], ITEM["attributes"])  # type: ignore[arg-type]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def decode(value: Any, key: bytes | None = b"i42") -> Candidate | Deletion:
    return decode_candidate(key, value if isinstance(value, bytes) else json.dumps(value).encode(), NOW)


def test_the_id_is_in_the_body_in_the_key_or_in_both() -> None:
    nameless = {name: value for name, value in ITEM.items() if name != "item_id"}
    assert decode(ITEM) == decode(ITEM, key=None) == decode(nameless) == DECODED


def test_what_is_optional_may_be_absent_or_null() -> None:
    assert decode({}) == decode({"features": None, "attributes": None}) == Candidate("i42", NOW, {}, {})


def test_a_null_value_deletes() -> None:
    assert decode_candidate("ü/1".encode(), None, NOW) == Deletion("ü/1")


def test_integers_are_ids() -> None:
    assert decode(ITEM | {"item_id": 42}, key=b"42") == Candidate("42", NOW - 5, DECODED.features, DECODED.attributes)


def test_unknown_fields_are_skipped_and_counted() -> None:
    tally = Tally()
    assert decode_candidate(None, json.dumps(ITEM | {"x": 1, "y": 2}).encode(), NOW, tally) == DECODED
    assert tally.unknown_fields == 2


BAD: list[tuple[Any, bytes | None, Reason]] = [
    (b"", b"i", Reason.NOT_JSON),
    (b"\xff", b"i", Reason.NOT_JSON),
    ([ITEM], b"i42", Reason.WRONG_TYPE),
    (None, b"i42", Reason.WRONG_TYPE),
    (ITEM | {"features": {"a": {"b": 1}}}, None, Reason.WRONG_TYPE),
    (ITEM | {"attributes": [1]}, None, Reason.WRONG_TYPE),
    ({}, None, Reason.MISSING_ID),
    ({}, b"", Reason.MISSING_ID),
    ({}, b"\xff", Reason.MISSING_ID),
    (ITEM | {"item_id": ""}, None, Reason.MISSING_ID),
    (ITEM, b"i43", Reason.ID_MISMATCH),
    (ITEM, b'"i42"', Reason.ID_MISMATCH),
    (ITEM, b"", Reason.ID_MISMATCH),
    (ITEM | {"timestamp": NOW // 1000}, None, Reason.BAD_TIMESTAMP),
    (ITEM | {"timestamp": "now"}, None, Reason.BAD_TIMESTAMP),
    (ITEM | {"features": {"price": float("nan")}}, None, Reason.NOT_FINITE),
    (ITEM | {"features": {"price": 1e39}}, None, Reason.NOT_FINITE),
    (ITEM | {"attributes": {"price": float("inf")}}, None, Reason.NOT_FINITE),
    (ITEM | {"attributes": {"price": [2**63]}}, None, Reason.NOT_FINITE),
    ({}, b"i" * (LIMITS.id_bytes + 1), Reason.TOO_LARGE),
    (ITEM | {"attributes": {"a": nested(LIMITS.depth)}}, None, Reason.TOO_LARGE),
    (ITEM | {"attributes": {"a": [1] * LIMITS.values}}, None, Reason.TOO_LARGE),
    (
        b'{"attributes":{"a":[' + b"[]," * (LIMITS.values // 2) + b'1],"b":[' + b"[]," * (LIMITS.values // 2) + b"1]}}",
        b"i",
        Reason.TOO_LARGE,
    ),
    (ITEM | {"features": {"list": ["a"] * (LIMITS.list_length + 1)}}, None, Reason.TOO_LARGE),
    (b'{"attributes":{"a":' + b"[" * 100_000, b"i", Reason.TOO_LARGE),
    (b" " * (LIMITS.value_bytes + 1), b"i", Reason.TOO_LARGE),
]


@pytest.mark.parametrize(("value", "key", "reason"), BAD, ids=[f"{n}-{case[2]}" for n, case in enumerate(BAD)])
def test_what_cannot_be_taken_says_why(value: Any, key: bytes | None, reason: Reason) -> None:
    with pytest.raises(EventError) as caught:
        decode(value, key)
    assert caught.value.reason is reason, caught.value.detail
    assert str(caught.value) == f"{reason}: {caught.value.detail}"


def test_attributes_may_be_nested_to_the_limit() -> None:
    deep = {"a": nested(LIMITS.depth - 1)}
    assert decode(ITEM | {"attributes": deep}) == Candidate("i42", NOW - 5, DECODED.features, deep)


def test_attributes_may_hold_values_to_the_limit() -> None:
    many = {"a": [1] * (LIMITS.values - 1)}
    assert decode(ITEM | {"attributes": many}) == Candidate("i42", NOW - 5, DECODED.features, many)


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"i" * (LIMITS.id_bytes + 1)])
def test_a_deletion_needs_a_key(key: bytes | None) -> None:
    with pytest.raises(EventError):
        decode_candidate(key, None, NOW)


@given(st.none() | st.binary(max_size=20), st.none() | st.binary(max_size=100))
def test_any_bytes_are_taken_or_rejected(key: bytes | None, value: bytes | None) -> None:
    try:
        decoded = decode_candidate(key, value, NOW)
    except EventError:
        return
    assert decoded.item_id.encode() == key
