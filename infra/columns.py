"""Rows in columns for people to read."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

GAP = "  "


def columns(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Lines of equal columns, numbers to the right; on a terminal none is longer than it is wide.

    >>> list(columns(["item", "score"], [["i1", 1.5], ["i42", 0.25]]))
    ['item   score', 'i1    1.5000', 'i42   0.2500']
    """
    texts = [[_text(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    right = [bool(rows) and all(isinstance(row[place], int | float) for row in rows) for place in range(len(heads))]
    most = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for row in [list(heads), *texts]:
        cells = [
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(row, widths, right, strict=True)
        ]
        yield GAP.join(cells).rstrip()[:most]


def _text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool() | str():
            return str(value)
        case float():
            return f"{value:.4f}"
        case int():
            return f"{value:,}"
    return msgspec.json.encode(value).decode()
