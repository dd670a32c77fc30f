"""Puts the tables of a stored result into a page of the documentation, between its two marks.

python -m benchmarks.speed.page benchmarks/results/speed.json docs/performance.md
"""

import json
import sys
from pathlib import Path
from typing import Final

from benchmarks.speed.markdown import tables

BEGIN: Final = "<!-- begin: svq bench -->"
END: Final = "<!-- end: svq bench -->"


def filled(page: str, result: str) -> str:
    """The page with the tables of the result, which is JSON.

    Raises:
        ValueError: the page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{tables(json.loads(result))}\n\n{END}{after}"


def main(result: str, page: str) -> None:
    """Write it."""
    text = filled(Path(page).read_text(), Path(result).read_text())
    Path(page).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
