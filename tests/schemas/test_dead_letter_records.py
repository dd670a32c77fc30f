import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamvq_client.errors import FormatError

from schemas.dead_letters import (
    REPLAY_OF,
    DeadLetter,
    dead_letter,
    decode_dead_letter,
    decode_mark,
    encode_dead_letter,
    encode_mark,
)
from schemas.events import LIMITS, Reason, Rejected
from schemas.limits import RECORDS
from tables.position import Message

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
counts = st.integers(0, 2**63 - 1)
letters = st.builds(
    DeadLetter,
    text,
    text,
    text,
    counts,
    counts,
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=20),
    st.none() | counts,
    st.none() | counts,
    st.none() | text,
)


@given(letters)
def test_a_letter_comes_back(letter: DeadLetter) -> None:
    assert decode_dead_letter(*encode_dead_letter(letter)) == letter


def test_the_record_has_the_original_bytes_and_says_where_they_came_from() -> None:
    rejected = Rejected(Reason.MISSING_ID, "no item_id", b'{"user_id":1}', index=3)
    letter = dead_letter(rejected, Message("svq-exposures", 2, 17, 0, 0.0, b"u1", None))
    assert encode_dead_letter(letter) == (
        b"u1",
        b'{"user_id":1}',
        [
            ("v", b"3"),
            ("reason", b"missing_id"),
            ("detail", b"no item_id"),
            ("topic", b"svq-exposures"),
            ("partition", b"2"),
            ("offset", b"17"),
            ("index", b"3"),
        ],
    )


def test_an_event_that_was_published_again_says_of_which_letter() -> None:
    first = DeadLetter("unknown_task", "", "svq-exposures", 2, 17, b"u1", b"{}", index=3)
    again = Message("svq-exposures", 2, 99, 0, 0.0, b"u1", b"{}", [(REPLAY_OF, first.place.encode())])
    letter = dead_letter(Rejected(Reason.UNKNOWN_TASK, "", b"{}"), again)
    assert (first.place, letter.place) == ("svq-exposures[2]@17#3", "svq-exposures[2]@99")
    assert decode_dead_letter(*encode_dead_letter(letter)).replay_of == first.place


def test_a_mark_names_the_letter_and_is_none() -> None:
    letter = DeadLetter("unknown_task", "", "svq-exposures", 2, 17, b"u1", b"{}")
    key, value, headers = encode_mark(letter)
    assert (key, value, decode_mark(headers)) == (None, None, letter.place)
    assert decode_mark(encode_dead_letter(letter)[2]) is None
    with pytest.raises(FormatError):
        decode_dead_letter(key, value, headers)


def test_what_is_too_long_is_cut_and_says_so() -> None:
    letter = DeadLetter("too_large", "x" * 5000, "t", 0, 0, b"k" * 100_000, b"v" * 3_000_000)
    back = decode_dead_letter(*encode_dead_letter(letter))
    assert (len(back.detail), len(back.key or b""), len(back.value or b"")) == (
        RECORDS.detail_length,
        RECORDS.key_bytes,
        LIMITS.value_bytes,
    )
    assert back.cut_from == 3_000_000


def test_a_detail_that_utf_8_has_no_bytes_for() -> None:
    letter = DeadLetter("not_json", "lone \ud800", "t", 0, 0, None, b"")
    assert decode_dead_letter(*encode_dead_letter(letter)).detail == "lone ?"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("reason", b"x")],
        [("reason", b"\xff"), ("topic", b"t"), ("partition", b"0"), ("offset", b"0")],
        [("reason", b"x"), ("topic", b"t"), ("partition", b"a"), ("offset", b"0")],
        [("reason", None), ("topic", b"t"), ("partition", b"0"), ("offset", b"0")],
        [("reason", b"x"), ("topic", b"t"), ("partition", b"0"), ("offset", b"0"), ("index", b"")],
    ],
)
def test_what_is_no_dead_letter(headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(FormatError, match="not a dead letter"):
        decode_dead_letter(None, None, headers)
