"""Which dead letters are about a user."""

import doctest

import pytest

from schemas import mentions as module
from schemas.dead_letters import DeadLetter
from schemas.mentions import mentions


def letter(value: bytes | None, key: bytes | None = None, detail: str = "") -> DeadLetter:
    return DeadLetter("wrong_type", detail, "exposures", 0, 1, key, value)


def test_examples() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    "about",
    [
        letter(None, key=b"5"),
        letter(b'{"user_id": 5}'),
        letter(b'[{"user_id": "7"}, {"x": {"y": ["5"]}}]'),
        letter(b'{"5": 1}'),
        letter(b'{"user_id": 5, "item'),  # cut
        letter(b"[1]", detail="no item for user '5'"),
    ],
)
def test_about_the_user(about: DeadLetter) -> None:
    assert mentions(about, "5")


@pytest.mark.parametrize(
    "other",
    [
        letter(None, key=b"55"),
        letter(b'{"user_id": 55, "timestamp": 5, "labels": {"click": 5}}'),
        letter(b'{"user_id": "u-5"'),
        letter(b'{"user_id": 55, "x": "15 5"}'),
        letter(b"[" * 100_000),
    ],
)
def test_about_others(other: DeadLetter) -> None:
    assert not mentions(other, "5")
