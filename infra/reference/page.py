"""Markdown, as far as the reference needs it."""

from collections.abc import Iterable, Iterator, Sequence

NOTE = "<!-- Written by `make reference` from the code: change it there. -->"


def begin(title: str, about: str) -> Iterator[str]:
    """The head of a page."""
    yield from (f"# {title}", "", NOTE, "", about, "")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table, with an empty line behind it; nothing without rows."""
    lines = [_row(row) for row in rows]
    if lines:
        yield from (_row(heads), _row(["---"] * len(heads)), *lines, "")


def code(text: str) -> str:
    """Text as code; nothing of nothing."""
    return f"`{text}`" if text else ""


def sentence(text: str) -> str:
    """On one line, without the layout that a docstring has.

    >>> sentence("One\\n    line.")
    'One line.'
    """
    return " ".join(text.replace("\b", "").split())


def plain(text: str) -> str:
    """With nothing that would be taken for HTML.

    >>> plain("a <b> of `<c>`")
    'a &lt;b> of `<c>`'
    """
    parts = text.split("`")
    return "`".join(part if within % 2 else part.replace("<", "&lt;") for within, part in enumerate(parts))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(plain(sentence(cell)).replace('|', chr(92) + '|') for cell in cells)} |"
