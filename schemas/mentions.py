"""Whether a dead letter is about a user: from its key, its value, or the words of its reason."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.dead_letters import DeadLetter


def mentions(letter: DeadLetter, user: str) -> bool:
    """Whether the letter is, or may be, about the user; in what is no JSON, whether their id stands in it as a word.

    >>> letter = DeadLetter("wrong_type", "", "shop-exposures", 0, 7, b"u1", b'[{"user_id": "u2", "item_id": 1}]')
    >>> mentions(letter, "u1"), mentions(letter, "u2"), mentions(letter, "u")
    (True, True, False)
    """
    if letter.key == user.encode() or _word(user.encode(), letter.detail.encode()):
        return True
    value = letter.value or b""
    try:
        document = msgspec.json.decode(value)
    except (ValueError, RecursionError):
        return _word(user.encode(), value)
    return any(text == user for text in _texts(document))


def _texts(document: Any) -> Iterator[str]:
    """Every text in it, keys included, and the numbers that are ids of users."""
    waiting = [document]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as fields:
                waiting += [*fields.keys(), *fields.values()]
                if isinstance(number := fields.get("user_id"), int):
                    yield str(number)
            case list() as elements:
                waiting += elements


def _word(word: bytes, text: bytes) -> bool:
    return re.search(rb"(?<![\w-])" + re.escape(word) + rb"(?![\w-])", text) is not None
