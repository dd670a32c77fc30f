"""Dead letters as people and programs read them."""

import base64
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from infra.letters.found import Found, Letters

SHOWN_LENGTH = 200


def document(reasons: Counter[str], newest: Iterable[Found], letters: Letters) -> dict[str, Any]:
    """What `list` found."""
    return {
        "total": reasons.total(),
        "reasons": dict(reasons.most_common()),
        "foreign": letters.foreign,
        "letters": [plain(found, letters) for found in newest],
    }


def plain(found: Found, letters: Letters) -> dict[str, Any]:
    """JSON types."""
    time_ms, letter = found
    return {
        "time": time_ms,
        "place": letter.place,
        "reason": letter.reason,
        "detail": letter.detail,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "index": letter.index,
        "cut_from": letter.cut_from,
        "replay_of": letter.replay_of,
        "replayed": letter.place in letters.replayed,
        **_bytes("key", letter.key),
        **_bytes("value", letter.value),
    }


def line(found: Found, letters: Letters) -> str:
    """One line, tabs between time, place, reason, detail, key and value."""
    time_ms, letter = found
    time = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    reason = f"{letter.reason} (replayed)" if letter.place in letters.replayed else letter.reason
    return "\t".join([time, letter.place, reason, printable(letter.detail), _short(letter.key), _short(letter.value)])


def printable(text: str) -> str:
    """What a terminal shows and does not obey, on one line: whoever could publish wrote it."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _bytes(name: str, data: bytes | None) -> dict[str, str | None]:
    """Text where it is UTF-8, else base64 under another name."""
    if data is None:
        return {name: None}
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}


def _short(data: bytes | None) -> str:
    """The beginning of it."""
    if data is None:
        return "null"
    text = printable(data[: 4 * SHOWN_LENGTH].decode(errors="backslashreplace"))
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}… ({len(data)} bytes)"
