import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import LIMITS, Exposure, Reason, Rejected, Tally, decode_exposures

NOW = 1_700_000_000_000
TASKS = frozenset({"click", "watch_s"})
EVENT = {
    "user_id": "u17",
    "item_id": "i42",
    "timestamp": NOW - 5,
    "labels": {"click": 1, "watch_s": 31.5},
    "user": {"country": "DE"},
    "context": {"hour": 21},
}
DECODED = Exposure("u17", "i42", NOW - 5, {"click": 1.0, "watch_s": 31.5}, {"country": "DE"}, {"hour": 21})


def decode(value: Any, key: bytes | None = b"u17", tally: Tally | None = None) -> tuple[list[Exposure], list[Rejected]]:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return decode_exposures(data, key, NOW, TASKS, tally)


def rejection(value: Any) -> Rejected:
    taken, (rejected,) = decode(value)
    assert taken == []
    return rejected


def test_an_object_or_an_array_of_them() -> None:
    assert decode(EVENT) == ([DECODED], [])
    assert decode([EVENT, EVENT | {"user_id": "u18"}]) == (
        [DECODED, Exposure("u18", "i42", NOW - 5, DECODED.labels, DECODED.user, DECODED.context)],
        [],
    )
    assert decode([]) == ([], [])
    assert decode(b" \n[" + json.dumps(EVENT).encode() + b"] ") == ([DECODED], [])


def test_what_is_optional_may_be_absent_or_null() -> None:
    bare = {"user_id": "u", "item_id": "i", "timestamp": NOW}
    wanted = ([Exposure("u", "i", NOW, {}, {}, {})], [])
    assert decode(bare) == wanted
    assert decode(bare | {"labels": None, "user": None, "context": None}) == wanted
    assert decode(bare | {"labels": {"click": None}}) == wanted


def test_integers_are_ids_and_booleans_are_labels() -> None:
    (exposure,), _ = decode(EVENT | {"user_id": 17, "item_id": -(2**63), "labels": {"click": True}})
    assert (exposure.user_id, exposure.item_id) == ("17", str(-(2**63)))
    assert exposure.labels == {"click": 1.0}
    assert type(exposure.labels["click"]) is float


def test_the_key_names_the_user_of_events_that_name_none() -> None:
    nameless = {name: value for name, value in EVENT.items() if name != "user_id"}
    assert decode([nameless, EVENT | {"user_id": "other"}])[0][0].user_id == "u17"
    assert decode(nameless, key="ü/1".encode())[0][0].user_id == "ü/1"
    for key in (None, b"", b"\xff"):
        _, (rejected,) = decode(nameless, key=key)
        assert rejected.reason is Reason.MISSING_ID


def test_unknown_fields_are_skipped_and_counted() -> None:
    tally = Tally()
    assert decode([EVENT | {"x": 1, "y": {"z": [1]}}, EVENT, EVENT | {"x": 2}], tally=tally) == ([DECODED] * 3, [])
    assert tally.unknown_fields == 3


BAD: list[tuple[Any, Reason]] = [
    (b"", Reason.NOT_JSON),
    (b"{", Reason.NOT_JSON),
    (b"[1,", Reason.NOT_JSON),
    (b'{"user_id":"\xff"}', Reason.NOT_JSON),
    (b'\xef\xbb\xbf{"user_id":1}', Reason.NOT_JSON),
    (b'{"user_id":"\\ud800"}', Reason.NOT_JSON),
    ("text", Reason.WRONG_TYPE),
    (None, Reason.WRONG_TYPE),
    (EVENT | {"user_id": 1.5}, Reason.WRONG_TYPE),
    (EVENT | {"user_id": True}, Reason.WRONG_TYPE),
    (EVENT | {"item_id": None}, Reason.WRONG_TYPE),
    (EVENT | {"item_id": ["i"]}, Reason.WRONG_TYPE),
    (EVENT | {"labels": [1]}, Reason.WRONG_TYPE),
    (EVENT | {"labels": {"click": "1"}}, Reason.WRONG_TYPE),
    (EVENT | {"user": {"a": {"b": 1}}}, Reason.WRONG_TYPE),
    (EVENT | {"context": {"a": [[1]]}}, Reason.WRONG_TYPE),
    ({"user_id": "u", "timestamp": NOW}, Reason.MISSING_ID),
    (EVENT | {"user_id": ""}, Reason.MISSING_ID),
    (EVENT | {"item_id": ""}, Reason.MISSING_ID),
    ({"user_id": "u", "item_id": "i"}, Reason.BAD_TIMESTAMP),
    (EVENT | {"timestamp": None}, Reason.BAD_TIMESTAMP),
    (EVENT | {"timestamp": str(NOW)}, Reason.BAD_TIMESTAMP),
    (EVENT | {"timestamp": NOW / 1000 + 0.5}, Reason.BAD_TIMESTAMP),
    (EVENT | {"timestamp": NOW // 1000}, Reason.BAD_TIMESTAMP),
    (EVENT | {"timestamp": LIMITS.oldest_ms - 1}, Reason.BAD_TIMESTAMP),
    (EVENT | {"timestamp": NOW + LIMITS.ahead_ms + 1}, Reason.BAD_TIMESTAMP),
    (EVENT | {"timestamp": 10**30}, Reason.BAD_TIMESTAMP),
    (EVENT | {"labels": {"click": float("nan")}}, Reason.NOT_FINITE),
    (EVENT | {"labels": {"click": float("inf")}}, Reason.NOT_FINITE),
    (EVENT | {"labels": {"click": 1e39}}, Reason.NOT_FINITE),
    (EVENT | {"labels": {"click": 10**400}}, Reason.NOT_FINITE),
    (json.dumps(EVENT).replace("31.5", "1e999").encode(), Reason.NOT_FINITE),
    (json.dumps(EVENT).replace("21", "-1e999").encode(), Reason.NOT_FINITE),
    (EVENT | {"user": {"age": -1e39}}, Reason.NOT_FINITE),
    (EVENT | {"user": {"age": 2**63}}, Reason.NOT_FINITE),
    (EVENT | {"user": {"ages": [1.0, float("-inf")]}}, Reason.NOT_FINITE),
    (EVENT | {"labels": {"clicks": 1}}, Reason.UNKNOWN_TASK),
    (EVENT | {"user_id": "u" * (LIMITS.id_bytes + 1)}, Reason.TOO_LARGE),
    (EVENT | {"user_id": "ü" * (LIMITS.id_bytes // 2 + 1)}, Reason.TOO_LARGE),
    (EVENT | {"item_id": 10**30}, Reason.TOO_LARGE),
    (EVENT | {"user": {"text": "x" * (LIMITS.text_length + 1)}}, Reason.TOO_LARGE),
    (EVENT | {"user": {"list": [1] * (LIMITS.list_length + 1)}}, Reason.TOO_LARGE),
    (EVENT | {"user": {str(number): 1 for number in range(LIMITS.features + 1)}}, Reason.TOO_LARGE),
    (EVENT | {"user": {"x" * (LIMITS.id_bytes + 1): 1}}, Reason.TOO_LARGE),
    (b" " * LIMITS.value_bytes + b"1", Reason.TOO_LARGE),
    (b"[" * 200_000, Reason.TOO_LARGE),
    (b"[" + b"1," * LIMITS.events + b"1]", Reason.TOO_LARGE),
    (b"[" + b"NaN," * LIMITS.events + b"1]", Reason.TOO_LARGE),
    (b"[" + b'{"item_id":1,"timestamp":1700000000000},' * LIMITS.events + b"1]", Reason.TOO_LARGE),
    (b'{"x":' * 100_000, Reason.TOO_LARGE),
]


@pytest.mark.parametrize(("value", "reason"), BAD, ids=[f"{number}-{reason}" for number, (_, reason) in enumerate(BAD)])
def test_what_cannot_be_taken_says_why(value: Any, reason: Reason) -> None:
    rejected = rejection(value)
    assert rejected.reason is reason, rejected.detail
    assert rejected.detail
    assert rejected.index is None
    assert rejected.value == (value if isinstance(value, bytes) else json.dumps(value).encode())


@pytest.mark.parametrize(
    "fine",
    [
        {"timestamp": LIMITS.oldest_ms},
        {"timestamp": NOW + LIMITS.ahead_ms},
        {"user_id": "u" * LIMITS.id_bytes, "item_id": "ü" * (LIMITS.id_bytes // 2)},
        {"item_id": "a/b\u0000c"},
        {"labels": {"click": -3.4e38}},
        {"user": {"text": "x" * LIMITS.text_length, "list": [1] * LIMITS.list_length, "none": None, "yes": True}},
        {"user": {str(number): 1 for number in range(LIMITS.features)}},
    ],
)
def test_what_is_just_within_the_limits_is_taken(fine: dict[str, Any]) -> None:
    (exposure,), rejected = decode(EVENT | fine)
    assert rejected == []
    for name, value in fine.items():
        assert getattr(exposure, name) == value


def test_as_many_exposures_as_a_record_may_hold() -> None:
    short = b'{"item_id":1,"timestamp":1700000000000}'
    taken, rejected = decode(b"[" + b",".join([short] * LIMITS.events) + b"]")
    assert (len(taken), rejected) == (LIMITS.events, [])
    taken, (more,) = decode(b"[" + b",".join([short] * (LIMITS.events + 1)) + b"]")
    assert (taken, more.reason, more.index) == ([], Reason.TOO_LARGE, None)


def test_seconds_are_recognised() -> None:
    assert "it looks like seconds" in rejection(EVENT | {"timestamp": NOW // 1000}).detail


def test_a_record_without_a_value_erases_the_user_in_its_key() -> None:
    assert decode_exposures(None, "ü".encode(), NOW, TASKS) == ([], [])
    for key in (None, b"", b"\xff", b"u" * 257):
        taken, (rejected,) = decode_exposures(None, key, NOW, TASKS)
        assert (taken, rejected.value) == ([], b"")


@pytest.mark.parametrize(("value", "reason"), [case for case in BAD if not isinstance(case[0], bytes)])
def test_one_bad_element_costs_only_itself(value: Any, reason: Reason) -> None:
    taken, (rejected,) = decode([EVENT, value, EVENT])
    assert taken == [DECODED, DECODED]
    assert (rejected.reason, rejected.index) == (reason, 1)
    assert json.dumps(json.loads(rejected.value)) == json.dumps(value)


def test_an_element_keeps_the_bytes_it_was_written_with() -> None:
    odd = b'{ "user_id" : 1.50,\n "item_id":"\\u00fc" }'
    taken, (rejected,) = decode(b"[" + json.dumps(EVENT).encode() + b" , " + odd + b"]")
    assert (taken, rejected.value, rejected.index) == ([DECODED], odd, 1)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
some = st.fixed_dictionaries(
    {},
    optional={
        "user_id": st.text(min_size=1) | st.integers() | plain,
        "item_id": st.text(min_size=1) | plain,
        "timestamp": st.integers(LIMITS.oldest_ms, NOW) | plain,
        "labels": st.dictionaries(st.sampled_from(["click", "watch_s", "x"]), st.floats() | st.booleans()) | plain,
        "user": plain,
        "more": plain,
    },
)


@given(st.binary(max_size=300) | st.lists(some | plain, max_size=5).map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_taken_or_rejected_and_nothing_is_lost(value: bytes) -> None:
    taken, rejected = decode_exposures(value, None, NOW, TASKS)
    whole = [one for one in rejected if one.index is None]
    if value.lstrip()[:1] == b"[" and not whole:
        assert len(taken) + len(rejected) == len(json.loads(value))
        assert [one.index for one in rejected] == sorted({one.index for one in rejected}, key=int)
    else:
        assert len(taken) + len(rejected) == 1
    for exposure in taken:
        assert exposure.user_id
        assert exposure.item_id
        assert exposure.labels.keys() <= TASKS


@given(st.lists(some, max_size=5))
def test_an_array_decides_as_its_elements_would_alone(events: list[Any]) -> None:
    taken, rejected = decode(events, key=None)
    alone = [decode(event, key=None) for event in events]
    assert repr(taken) == repr([exposure for one, _ in alone for exposure in one])
    assert [one.reason for one in rejected] == [one.reason for _, no in alone for one in no]
